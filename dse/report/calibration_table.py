"""A calibration for people: constants with their intervals, what was not told apart, and errors of what was held out."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dse.fidelity.calibrate import Calibration, Estimate, Key
from dse.fidelity.scores import Score
from dse.inputs.calibration import Provenance
from dse.report.measured_table import kind_text, plain_table, score_cells, score_json
from dse.units import format_quantity

SAID = {
    "compute_efficiency": "compute efficiency",
    "bandwidth_efficiency": "bandwidth efficiency",
    "launch_latency_s": "launch latency",
    "dependency_latency_s": "dependency latency",
    "sram_efficiency": "effective capacity",
}
"""Constants as people call them."""


UNKNOWN = {
    "compute_efficiency": "compute_reach",
    "bandwidth_efficiency": "memory_bandwidth",
    "launch_latency_s": "launch_latency",
    "dependency_latency_s": "dependency_latency",
}
"""Constants, and what `dse.hardware.unknowns` calls what is not known of them; the effective capacity is fitted in steps."""


def calibration_view(found: Calibration, target: str | None) -> RenderableType:
    """Everything on one screen; `target` is the device file that was written."""
    n, shapes, folds = len(found.replay), found.n_shapes, found.n_folds
    parts: list[RenderableType] = [
        Text(f"{found.space.name}: {n:,} kernels of {shapes:,} shapes", style="bold"),
        *(Text(f"left out: {count:,} rows {reason}", style="dim") for count, reason in found.left_out),
        Text(),
        _constants(found),
        Text(),
        _errors(found),
        Text(
            f"held out: every shape once, in {folds} folds of whole shapes (recurrent kernels of one width and batch together); "
            "each fold was predicted by constants that were chosen and fitted without it",
            style="dim",
        ),
        Text(),
        Text(_conclusion(found), style="bold"),
    ]
    if target is not None:
        parts.append(Text(f"written: {target}; use it with --on {target}"))
    else:
        parts.append(Text("nothing is written; -o FILE.yaml makes it a device for --on"))
    return Group(*parts)


def _conclusion(found: Calibration) -> str:
    held, own = Score.of(found.held_out_s, found.replay.measured_s), Score.of(found.unfitted_s, found.replay.measured_s)
    return (
        f"median error of held-out kernels {held.median_error:.1%} (as the device came: {own.median_error:.1%}), "
        f"90% within {held.p90_error:.0%}, rank correlation {held.rank_correlation:.3f}"
    )


def _constants(found: Calibration) -> RenderableType:
    table = plain_table("constants")
    table.add_column("constant", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95% interval, or why it was not fitted", overflow="fold")
    for estimate in found.estimates:
        table.add_row(SAID[estimate.name], value_text(estimate.name, estimate.value), interval_text(estimate))
    for refusal in found.fit.refused:
        reason = refusal.reason
        for name, said in SAID.items():
            reason = reason.replace(name, said)
        table.add_row(SAID[refusal.name], value_text(refusal.name, refusal.value), f"not fitted: {reason}", style="dim")
    return table


def value_text(name: str, value: float) -> str:
    """A share in percent, or a time.

    >>> value_text("compute_efficiency", 0.9033), value_text("launch_latency_s", 7.5e-6)
    ('90.3%', '7.5 us')
    """
    return (format_quantity(value, "time", 3) if value else "0 s") if name.endswith("_s") else f"{100 * value:.3g}%"


def interval_text(estimate: Estimate) -> str:
    """``88.1% to 92.0%``; where both ends are the limit, that is said."""
    if estimate.low == estimate.high and estimate.name != "sram_efficiency":
        return "at its limit"
    return f"{value_text(estimate.name, estimate.low)} to {value_text(estimate.name, estimate.high)}"


def _errors(found: Calibration) -> RenderableType:
    table = plain_table("errors: held out, fitted, and of the device as it came")
    table.add_column("kind", no_wrap=True)
    for name in ("n", "med", "p90", "bias", "rank", "|", "med", "p90", "|", "med", "p90", "rank"):
        table.add_column(name, justify="right", no_wrap=True)
    held, fitted, own = (found.scores(times) for times in (found.held_out_s, found.fitted_s, found.unfitted_s))
    for key, score in held.items():
        inside, before = score_cells(fitted[key]), score_cells(own[key])
        cells = (*score_cells(score), "|", *inside[:2], "|", *before[:2], before[3])
        table.add_row(kind_text(*key), str(score.n), *cells)
    return table


def provenance(found: Calibration, date: str) -> Provenance:
    """What a device file keeps of a calibration."""
    return Provenance(
        date=date,
        measurements=found.measurements.file.replace("\\", "/").rsplit("/", 1)[-1],
        sha256=found.measurements.sha256,
        rows=len(found.replay),
        shapes=found.n_shapes,
        folds=found.n_folds,
        fitted={SAID[each.name]: f"{value_text(each.name, each.value)} ({interval_text(each)})" for each in found.estimates},
        kept={SAID[each.name]: each.reason for each in found.fit.refused},
        held_out={kind_text(*key): _said(score) for key, score in found.scores(found.held_out_s).items()},
        left_out=tuple(f"{count:,} rows {reason}" for count, reason in found.left_out),
        uncertainty={
            UNKNOWN[each.name]: (each.low / each.value, each.high / each.value)
            for each in found.estimates
            if each.name in UNKNOWN
        },
    )


def _said(score: Score) -> str:
    rank = f", rank correlation {score.rank_correlation:.3f}" if score.rank_correlation == score.rank_correlation else ""
    return f"{score.n:,} kernels, median error {score.median_error:.1%}, 90% within {score.p90_error:.0%}{rank}"


def calibration_json(found: Calibration, date: str, target: str | None) -> dict[str, Any]:
    """A calibration as plain JSON values."""

    def scores(by_key: dict[Key, Score]) -> list[dict[str, Any]]:
        return [
            {"kind": kind, "precision": precision, "algorithm": algorithm or None, **score_json(score)}
            for (kind, precision, algorithm), score in by_key.items()
        ]

    return {
        "device": found.space.name,
        "date": date,
        "measurements": found.measurements.file,
        "sha256": found.measurements.sha256,
        "rows": len(found.replay),
        "shapes": found.n_shapes,
        "left_out": [{"rows": count, "reason": reason} for count, reason in found.left_out],
        "constants": {
            each.name: {"value": each.value, "low": each.low, "high": each.high, "fitted": True} for each in found.estimates
        }
        | {each.name: {"value": each.value, "fitted": False, "reason": each.reason} for each in found.fit.refused},
        "held_out": {"folds": found.n_folds, "by": "shape", "scores": scores(found.scores(found.held_out_s))},
        "fitted": scores(found.scores(found.fitted_s)),
        "as_it_came": scores(found.scores(found.unfitted_s)),
        "roofline": scores(found.scores(found.replay.roofline_s)),
        "written": target,
    }
