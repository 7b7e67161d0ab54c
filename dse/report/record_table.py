"""How a search came about, in a few lines and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dse.search.front import METRIC_COLUMNS, Front
from dse.search.ledger import Progress
from dse.search.opinions import MODEL_SUFFIX
from dse.search.record import Record

STATUS_SAID = {"ok": "answered", "failed": "failed", "timed_out": "timed out", "bad_value": "returned no metrics"}


def record_lines(front: Front) -> list[str]:
    """What a reader should know of how the front was found; nothing where there is nothing to tell."""
    record = front.record
    if record is None:
        return []
    tried = [f"{len(front.trials):,} designs tried"]
    if record.different < len(front.trials):
        tried.append(f"{record.different:,} different results")
    if record.repeats:
        tried.append(f"{record.repeats:,} proposals came again and cost no trial")
    lines = [", ".join(tried)]
    if record.earlier:
        lines.append(f"{record.earlier:,} of them from the earlier run")
    if record.study is not None:
        others = f"; {record.elsewhere:,} designs came from other workers" if record.elsewhere else ""
        lost = f"; {record.lost:,} trials were given up" if record.lost else ""
        lines.append(f"study {record.study} in {record.storage}{others}{lost}")
    if record.evaluator is not None:
        said = [f"{count:,} {STATUS_SAID[status]}" for status, count in record.opinions.items() if count]
        lines.append(f"evaluator {record.evaluator}: {', '.join(said) or 'not asked'}{_against_model(front)}")
        lines.append("what stands below of single scenarios and layers is the model's")
    return lines


def _against_model(front: Front) -> str:
    """How far the evaluator's figures lie from the model's, metric by metric."""
    asked = front.trials[front.trials["evaluator_status"] == "ok"] if "evaluator_status" in front.trials else front.trials[:0]
    parts = list[str]()
    for column in METRIC_COLUMNS.values():
        if len(asked) and f"{column}{MODEL_SUFFIX}" in asked.columns:
            ratio = (asked[column] / asked[f"{column}{MODEL_SUFFIX}"]).median()
            parts.append(f"{column} {float(ratio):.3g} times the model's")
    return f" (median {', '.join(parts)})" if parts else ""


def progress_text(now: Progress) -> str:
    """What stands behind the bar."""
    parts = [f"front {now.front}", f"{now.feasible:,} in budget", f"hypervolume {now.hypervolume:.3f}"]
    if now.repeats:
        parts.append(f"{now.repeats:,} came again")
    if now.waiting:
        parts.append(f"{now.waiting:,} at other workers")
    wrong = sum(count for status, count in now.opinions.items() if status != "ok")
    if wrong:
        parts.append(f"{wrong:,} without a second opinion")
    return ", ".join(parts)


def record_json(record: Record | None) -> dict[str, Any] | None:
    """The same as plain JSON values."""
    return None if record is None else {**asdict(record), "reproducible": record.reproducible}
