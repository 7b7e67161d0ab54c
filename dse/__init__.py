"""Design-space exploration for deep-learning hardware: the library's face.

    import dse
    workload = dse.load_workload("speech")
    space = dse.load_space("edge")
    front = dse.search(workload, space, trials=2000, seed=0)
    front.designs

Names are loaded when they are first used, so that importing `dse` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dse.errors import DseError, InputError, NoFeasibleDesign, UnsupportedLayer
    from dse.fidelity.calibrate import Calibration, calibrate
    from dse.fidelity.uncertainty import Uncertainty, uncertainty
    from dse.hardware.space import Space
    from dse.inputs.huggingface.importing import import_huggingface
    from dse.inputs.measurements import Measurements, load_measurements
    from dse.inputs.onnx.importing import import_onnx
    from dse.inputs.pytorch.importing import import_torch
    from dse.inputs.spaces import load_design, load_space
    from dse.inputs.workloads import load_workload
    from dse.model.advice import Advice, advise
    from dse.model.breakdown import Result, evaluate
    from dse.model.reuse import ReuseCurve, reuse_curve
    from dse.report.reuse_view import ReuseView, reuse_view
    from dse.search.budget import BudgetCurve, budget_curve
    from dse.search.exact import exact_front
    from dse.search.front import Front, evaluate_many
    from dse.search.ladder import with_standing
    from dse.search.sampler import ModelSampler
    from dse.search.study import search
    from dse.workload.operations import Conv2d, Gemm
    from dse.workload.together import combine
    from dse.workload.workload import Workload

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "BudgetCurve",
    "Calibration",
    "Conv2d",
    "DseError",
    "Front",
    "Gemm",
    "InputError",
    "Measurements",
    "ModelSampler",
    "NoFeasibleDesign",
    "Result",
    "ReuseCurve",
    "ReuseView",
    "Space",
    "Uncertainty",
    "UnsupportedLayer",
    "Workload",
    "advise",
    "budget_curve",
    "calibrate",
    "combine",
    "evaluate",
    "evaluate_many",
    "exact_front",
    "import_huggingface",
    "import_onnx",
    "import_torch",
    "load_design",
    "load_measurements",
    "load_space",
    "load_workload",
    "reuse_curve",
    "reuse_view",
    "search",
    "uncertainty",
    "with_standing",
]

_HOMES = {
    "Advice": "dse.model.advice",
    "BudgetCurve": "dse.search.budget",
    "Calibration": "dse.fidelity.calibrate",
    "Conv2d": "dse.workload.operations",
    "DseError": "dse.errors",
    "Front": "dse.search.front",
    "Gemm": "dse.workload.operations",
    "InputError": "dse.errors",
    "Measurements": "dse.inputs.measurements",
    "ModelSampler": "dse.search.sampler",
    "NoFeasibleDesign": "dse.errors",
    "Result": "dse.model.breakdown",
    "ReuseCurve": "dse.model.reuse",
    "ReuseView": "dse.report.reuse_view",
    "Space": "dse.hardware.space",
    "Uncertainty": "dse.fidelity.uncertainty",
    "UnsupportedLayer": "dse.errors",
    "Workload": "dse.workload.workload",
    "advise": "dse.model.advice",
    "budget_curve": "dse.search.budget",
    "combine": "dse.workload.together",
    "calibrate": "dse.fidelity.calibrate",
    "evaluate": "dse.model.breakdown",
    "evaluate_many": "dse.search.front",
    "exact_front": "dse.search.exact",
    "import_huggingface": "dse.inputs.huggingface.importing",
    "import_torch": "dse.inputs.pytorch.importing",
    "import_onnx": "dse.inputs.onnx.importing",
    "load_design": "dse.inputs.spaces",
    "load_measurements": "dse.inputs.measurements",
    "load_space": "dse.inputs.spaces",
    "load_workload": "dse.inputs.workloads",
    "reuse_curve": "dse.model.reuse",
    "reuse_view": "dse.report.reuse_view",
    "search": "dse.search.study",
    "uncertainty": "dse.fidelity.uncertainty",
    "with_standing": "dse.search.ladder",
}


_SHOWN = {"dse.search.front": ("Front", "front_html"), "dse.model.breakdown": ("Result", "result_html")}
"""Where what a notebook shows lives: its class, and what of `dse.report.notebook` draws it."""


def _show_in_notebooks() -> None:
    """Give what is loaded by now its table with a picture; the classes lie below the report and know nothing of it."""
    for home, (name, drawn_by) in _SHOWN.items():
        shown = getattr(sys.modules.get(home), name, None)
        if shown is not None and not hasattr(shown, "_repr_html_"):
            shown._repr_html_ = getattr(import_module("dse.report.notebook"), drawn_by)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'dse' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    _show_in_notebooks()
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
