"""How a front was found and how good it is, in words and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dse.report.plain import column
from dse.search.front import Front, Standing

MOST_EXACT = 20_000
"""Designs of an exact front that a page holds to draw it as a line."""


def standing_lines(front: Front) -> list[str]:
    """Sentences under the heading of a search: which rung of the ladder and why; how the front compares with the exact one."""
    standing = front.standing
    if standing is None:
        return []
    took = f" (took {standing.seconds:.1f} s)" if standing.seconds is not None else ""
    lines = [f"ladder: {standing.why}{took}"]
    if standing.hypervolume_share is not None and standing.epsilon is not None and standing.n_exact is not None:
        share, epsilon = share_text(standing.hypervolume_share), f"{standing.epsilon:.2%}"
        lines.append(
            f"against the exact front of {standing.n_exact:,} designs: {share} of its hypervolume, epsilon {epsilon}; "
            f"{standing.n_certified:,} of these {len(front):,} are certified to be on it"
            if standing.n_certified < standing.n_exact
            else f"this is the exact front: all {standing.n_exact:,} designs, each certified"
        )
    elif standing.share_of_best is not None:
        lines.append(
            f"{share_text(standing.share_of_best)} of the hypervolume of the best known front ({standing.n_best:,} designs)"
        )
    return lines


def share_text(share: float) -> str:
    """A share that never rounds up to all of it.

    >>> share_text(0.99999), share_text(1.0), share_text(0.9871)
    ('99.99%', '100%', '98.71%')
    """
    return "100%" if share >= 1.0 else f"{int(share * 1e4) / 100:.2f}%"


def standing_json(standing: Standing | None) -> dict[str, Any] | None:
    """The same as plain JSON values, without the time it took and the exact front; null where a front was not compared."""
    if standing is None:
        return None
    return {name: value for name, value in asdict(standing).items() if name not in ("seconds", "exact_losses")}


def exact_data(front: Front) -> dict[str, Any] | None:
    """The exact front that a search was held against, for its page; None where it is not known, or is the front itself."""
    losses = front.standing.exact_losses if front.standing is not None else None
    if losses is None or front.certificate.kind == "exact" or len(losses) > MOST_EXACT:
        return None
    metrics = {
        objective.metric: column(1 / losses[:, at] if objective.maximise else losses[:, at], 6)
        for at, objective in enumerate(front.space.objectives)
    }
    return {"source": None, "total": len(losses), "metrics": metrics}


def certified_mark(front: Front, row: int) -> str:
    """What stands behind a design's letter: ``c`` where only some of a front is certified and this design is."""
    certified = front.designs["certified"]
    return "c" if not certified.all() and bool(certified.iloc[row]) else ""


def certified_note(front: Front) -> str:
    """What the mark means, where it is used."""
    certified = front.designs["certified"]
    return "c certified: on the exact front; " if certified.any() and not certified.all() else ""
