"""Design-space exploration for deep-learning hardware: the library's face.

    import dse
    workload = dse.load_workload("speech")
    space = dse.load_space("edge")
    front = dse.search(workload, space, trials=2000, seed=0)
    front.designs

Names are loaded when they are first used, so that importing `dse` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dse.errors import DseError, InputError, NoFeasibleDesign, UnsupportedLayer
    from dse.hardware.space import Space
    from dse.inputs.spaces import load_design, load_space
    from dse.inputs.workloads import load_workload
    from dse.model.advice import Advice, advise
    from dse.model.breakdown import Result, evaluate
    from dse.model.reuse import ReuseCurve, reuse_curve
    from dse.report.reuse_view import ReuseView, reuse_view
    from dse.search.exact import exact_front
    from dse.search.front import Front, evaluate_many
    from dse.search.ladder import with_standing
    from dse.search.sampler import ModelSampler
    from dse.search.study import search
    from dse.workload.operations import Conv2d, Gemm
    from dse.workload.workload import Workload

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "Conv2d",
    "DseError",
    "Front",
    "Gemm",
    "InputError",
    "ModelSampler",
    "NoFeasibleDesign",
    "Result",
    "ReuseCurve",
    "ReuseView",
    "Space",
    "UnsupportedLayer",
    "Workload",
    "advise",
    "evaluate",
    "evaluate_many",
    "exact_front",
    "load_design",
    "load_space",
    "load_workload",
    "reuse_curve",
    "reuse_view",
    "search",
    "with_standing",
]

_HOMES = {
    "Advice": "dse.model.advice",
    "Conv2d": "dse.workload.operations",
    "DseError": "dse.errors",
    "Front": "dse.search.front",
    "Gemm": "dse.workload.operations",
    "InputError": "dse.errors",
    "ModelSampler": "dse.search.sampler",
    "NoFeasibleDesign": "dse.errors",
    "Result": "dse.model.breakdown",
    "ReuseCurve": "dse.model.reuse",
    "ReuseView": "dse.report.reuse_view",
    "Space": "dse.hardware.space",
    "UnsupportedLayer": "dse.errors",
    "Workload": "dse.workload.workload",
    "advise": "dse.model.advice",
    "evaluate": "dse.model.breakdown",
    "evaluate_many": "dse.search.front",
    "exact_front": "dse.search.exact",
    "load_design": "dse.inputs.spaces",
    "load_space": "dse.inputs.spaces",
    "load_workload": "dse.inputs.workloads",
    "reuse_curve": "dse.model.reuse",
    "reuse_view": "dse.report.reuse_view",
    "search": "dse.search.study",
    "with_standing": "dse.search.ladder",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
