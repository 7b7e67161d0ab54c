"""A file that names several workloads, and what the command line makes of several."""

import pytest

import dse
from dse.errors import InputError
from dse.inputs.job import load_job

TOGETHER = """
name: living_room
across: worst
objectives: [latency, price]
workloads:
  - mlp
  - {file: snowflake, weight: 3, target: 20 ms}
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "living_room.yaml"
    path.write_text(TOGETHER)
    return path


def test_a_file_names_several_workloads(suite):
    workload = dse.load_workload(suite)
    assert (workload.name, workload.across, workload.objectives) == ("living_room", "worst", ("latency", "price"))
    assert [(member.name, member.share, member.target_s) for member in workload.members] == [
        ("mlp", 0.25, None),
        ("snowflake", 0.75, 0.02),
    ]
    assert workload.space == dse.load_workload("mlp").space


def test_a_job_takes_one_or_several_and_keeps_every_file(suite):
    job = load_job(str(suite), "edge")
    assert [file.name for file in job.files] == ["living_room.yaml", "mlp.yaml", "snowflake.yaml", "edge.yaml"]
    job = load_job(["mlp", "snowflake"], "edge", across="each", budget=["latency.snowflake=1 s"])
    assert (job.workload.name, job.workload.across) == ("mlp+snowflake", "each")
    assert [file.name for file in job.files] == ["mlp.yaml", "snowflake.yaml", "edge.yaml"]
    with pytest.raises(InputError, match="does not run"):
        load_job(["mlp", "snowflake"], "edge", budget=["latency.vision=1 s"])
    with pytest.raises(InputError, match="known: mean, worst, each"):
        load_job(["mlp", "snowflake"], "edge", across="most")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- mlp", "- mlpp", "6:5: there is no workload 'mlpp'"),
        ("- mlp", "- snowflake", "stands twice"),
        ("- mlp", "- living_room.yaml", "made of several workloads itself"),
        ("weight: 3", "weight: 0", "7:31: "),
        ("target: 20 ms", "target: 20", "has no unit"),
        ("across: worst", "across: best", "3:9: "),
        ("[latency, price]", "[latency, prize]", "did you mean 'price'"),
        ("name: living", "networks: []\nname: living", "unknown key 'networks'"),
    ],
)
def test_what_is_wrong_with_it_has_its_place(suite, old, new, message):
    suite.write_text(TOGETHER.replace(old, new))
    with pytest.raises(InputError) as caught:
        dse.load_workload(suite)
    assert message in str(caught.value)
