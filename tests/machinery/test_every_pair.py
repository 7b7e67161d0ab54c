"""Every shipped workload on every shipped space."""

import pytest
from every_pair import evaluates_and_searches

from dse.inputs.shipped import shipped_names


@pytest.mark.parametrize("workload", shipped_names("workloads"))
@pytest.mark.parametrize("space", shipped_names("search_spaces"))
def test_every_workload_on_every_space(dse, tmp_path, workload, space):
    evaluates_and_searches(dse, tmp_path, workload, space)
