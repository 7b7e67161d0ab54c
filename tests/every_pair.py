"""One workload on one space, from the command line to the front and back."""

import json

import pandas as pd

import dse as library
from dse.units import FLOATING_FORMATS

KNOWN_CHIPS = ("eyeriss", "nvdla_full", "snowflake", "tpu_v1")


def multiplies(space, workload):
    """Whether some array of the space multiplies the numbers of the workload."""
    formats = next(parameter for parameter in space.parameters if parameter.name == "precision").values
    return bool(FLOATING_FORMATS & set(formats)) or not any(each.precision.is_floating for each in workload.scenarios)


def evaluates_and_searches(dse, tmp_path, workload, space):
    """Evaluates and searches without an error; what is returned keeps the budget when evaluated again from front.csv.

    A workload in floating point cannot run on arrays of integers: there the answer is no, and says why.
    """
    if not multiplies(library.load_space(space), library.load_workload(workload)):
        for command in (
            ("evaluate", workload, "--on", space) if space in KNOWN_CHIPS else (),
            ("search", workload, "--space", space),
        ):
            refused = dse(*command) if command else None
            assert refused is None or (refused.code == 1 and "floating point" in refused.err)
        return
    if space in KNOWN_CHIPS:
        evaluated = dse("evaluate", workload, "--on", space, "--no-advice", "--json")
        assert evaluated.code == 0, evaluated.err
        result = json.loads(evaluated.out)
        assert all(scenario["latency_s"] > 0 for scenario in result["scenarios"])
    ran = dse("search", workload, "--space", space, "--trials", "20" if space in KNOWN_CHIPS else "200")
    assert ran.code == 0, ran.err
    (folder,) = (tmp_path / "outputs").iterdir()
    stored = pd.read_csv(folder / "front.csv")
    again = library.evaluate_many(library.load_workload(workload), stored, library.load_space(space))
    assert again["feasible"].all()
