"""`Record`: how an Optuna search came about, so that its report can say what may be done again and what only happened once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

GRACE_S = 60.0
"""Seconds without a sign of life after which a worker of a shared study counts as gone."""

REPRODUCIBLE = "same inputs, versions and seed give the same front (one process)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a search did beside its front.

    `repeats`: proposals of designs that were known, answered from what was known of them; `different`: results that differ in
    some metric; `earlier`: designs that an earlier run brought; `elsewhere`: designs that other workers of the study finished;
    `lost`: trials of the study whose worker vanished; `storage`: its URL without a password; `opinions`: how many answers of
    the evaluator had each status; `stopped`: what ended the search early, other than Ctrl-C.
    """

    repeats: int = 0
    different: int = 0
    earlier: int = 0
    elsewhere: int = 0
    lost: int = 0
    storage: str | None = None
    study: str | None = None
    evaluator: str | None = None
    opinions: Mapping[str, int] = field(default_factory=dict[str, int])
    stopped: str | None = None

    @property
    def once_only(self) -> tuple[str, ...]:
        """Why the search could not be done again with the same outcome; empty where it could."""
        reasons = (
            (self.storage is not None, "its trials lie in a study that other workers may join"),
            (self.earlier > 0, "it goes on with an earlier run"),
            (self.evaluator is not None, "an evaluator outside this tool was asked"),
            (self.stopped is not None, "it was cut short"),
        )
        return tuple(reason for holds, reason in reasons if holds)

    @property
    def reproducible(self) -> str:
        """A sentence: whether the same inputs, versions and seed give the same front."""
        if not self.once_only:
            return REPRODUCIBLE
        return f"a record only: {', '.join(self.once_only)}; trials.csv holds every design that was tried"


def without_password(text: str) -> str:
    """The text with the password of every URL in it left out.

    >>> without_password("--storage=postgresql://me:secret@db:5432/x")
    '--storage=postgresql://me:***@db:5432/x'
    """
    return re.sub(r"(?i)(password=)[^&\s]*", r"\1***", re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", text))
