"""What optuna-dashboard shows of a study: names with units, real values, and which designs keep the limits."""

import io
import json

import optuna
import optuna_dashboard
import pytest

import dse
from dse.search.storage import close_storage, open_storage
from dse.search.study import search


@pytest.fixture(params=["sqlite:///{}/study.db", "journal://{}/study.log"])
def url(request, tmp_path):
    return request.param.format(tmp_path)


def page(app, path):
    answer = {}
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path.partition("?")[0],
        "QUERY_STRING": path.partition("?")[2],
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    body = b"".join(app(environment, lambda status, headers, *rest: answer.update(status=status)))
    assert answer["status"].startswith("200"), body
    return json.loads(body)


@pytest.mark.filterwarnings("ignore")
def test_the_dashboard_reads_limits_and_units(url):
    """Its plots go by `constraints`; Optuna's own `best_trials` does, the dashboard's list of best trials (0.21) does not."""
    space = dse.load_space("edge").with_objectives("throughput", "price").with_budget("price=20USD")
    found = search(dse.load_workload("mlp"), space, trials=100, sampler="random", storage=url)
    storage = open_storage(url)
    try:
        app = optuna_dashboard.wsgi(storage)
        (summary,) = page(app, "/api/studies")["study_summaries"]
        study = page(app, f"/api/studies/{summary['study_id']}?after=0")
        best = optuna.load_study(study_name=summary["study_name"], storage=storage).best_trials
    finally:
        close_storage(storage)
    assert study["directions"] == ["maximize", "minimize"]
    assert study["objective_names"] == ["throughput_per_s", "price_usd"]
    trials = {trial["number"]: trial for trial in study["trials"]}
    feasible = {number for number, trial in trials.items() if all(excess <= 0 for excess in trial["constraints"])}
    assert feasible == set(found.trials.loc[found.trials["feasible"], "trial"])
    assert 0 < len(feasible) < len(trials) == 100
    assert len(best) == len(found.designs)
    values = {parameter["name"]: parameter["param_external_value"] for parameter in trials[0]["params"]}
    assert float(values["sram_bytes"]) == found.trials["sram_bytes"][0]
    assert trials[0]["values"] == pytest.approx(found.trials.loc[0, ["throughput_per_s", "price_usd"]].tolist(), rel=1e-12)
