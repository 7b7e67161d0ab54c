"""A study that several processes share: what lies in it, who may join, and what becomes of a worker that vanishes."""

import json
import shutil
import sqlite3
import time

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

import dse
from dse.errors import InputError, StorageError
from dse.search import board_bulk, sharing
from dse.search.board import BEAT, Board, Outcome
from dse.search.evaluator import evaluator_named
from dse.search.parameters import distribution_of, indices_of
from dse.search.record import without_password
from dse.search.storage import close_storage, open_storage, storage_url
from dse.search.study import search

KINDS = ("sqlite", "journal", "any")
"""A database and a journal written in bulk, and the calls that every Optuna storage has."""


@pytest.fixture(scope="module")
def mlp():
    return dse.load_workload("mlp")


@pytest.fixture(scope="module")
def knobs():
    return dse.load_space("three_knobs")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A SQLite file with Optuna's tables: making them takes longer than any test here."""
    path = tmp_path_factory.mktemp("tables") / "empty.db"
    close_storage(open_storage(f"sqlite:///{path}"))
    return path


@pytest.fixture
def database(tables, tmp_path):
    """The URL of a SQLite file that holds no study."""
    shutil.copyfile(tables, tmp_path / "study.db")
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture(params=KINDS)
def join(request, tmp_path, database, mlp, knobs, monkeypatch):
    """Make one worker after the other join the study; none of them beats by itself."""
    url = f"journal://{tmp_path}/study.log" if request.param == "journal" else database
    if request.param == "any":
        monkeypatch.setattr(sharing, "board", Board)
    joined = []

    def new(grace_s=60.0):
        distributions = {parameter.name: distribution_of(parameter) for parameter in knobs.free_parameters}
        joined.append(
            sharing.share(
                url, None, mlp, knobs, distributions=distributions, read=lambda params: indices_of(knobs, params), grace_s=grace_s
            )
        )
        return joined[-1]

    new.url = url
    yield new
    for shared in joined:
        close_storage(shared.board.storage)


def designs(space, n):
    return list(space.indices(np.arange(n, dtype=np.int64)))


def outcomes(n):
    return [Outcome(values=[1.0 + at, float("inf")], constraints=[-1.0, 0.5], notes={"note": at}) for at in range(n)]


def states(shared):
    return [trial.state for trial in shared.board.study.get_trials(deepcopy=False)]


def test_workers_take_no_more_than_all_of_them_may(join, knobs):
    first, second = join(), join()
    assert first.take(designs(knobs, 5), 8) == [0, 1, 2, 3, 4]
    assert second.take(designs(knobs, 5), 8) == [5, 6, 7]
    assert first.take(designs(knobs, 5), 8) == []
    first.board.give_up([1])
    assert len(second.take(designs(knobs, 5), 8)) == 1


def test_what_finished_reaches_the_others_whole(join, knobs):
    first, second = join(), join()
    wanted = designs(knobs, 3)
    numbers = first.take(wanted, 10)
    assert second.look().running == 3
    assert second.keys(second.look().pending) == {row.tobytes() for row in wanted}
    first.board.finish(numbers, first.params(wanted), outcomes(3))
    news = second.look()
    assert (news.complete, news.running, news.pending) == (3, 0, [])
    np.testing.assert_array_equal(second.designs([trial.params for trial in news.finished]), wanted)
    assert [trial.values for trial in news.finished] == [[1.0 + at, float("inf")] for at in range(3)]
    assert [trial.user_attrs["note"] for trial in news.finished] == [0, 1, 2]
    assert [list(trial.constraints.values()) for trial in news.finished] == [[-1.0, 0.5]] * 3
    assert second.look().finished == []
    assert first.look().finished == []


def test_trials_of_a_worker_that_vanished_are_given_up_and_those_of_one_that_lives_are_not(join, knobs):
    dead, living, watcher = join(), join(), join(grace_s=5.0)
    dead.take(designs(knobs, 2), 10)
    living.take(designs(knobs, 3)[2:], 10)
    living.board._beat()
    dead.board.storage.set_study_user_attr(dead.board.study_id, f"{BEAT}{dead.worker}", time.time() - 6.0)
    news = watcher.look()
    assert (news.complete, news.running, news.lost) == (0, 1, 2)
    assert states(watcher) == [TrialState.FAIL, TrialState.FAIL, TrialState.RUNNING]


def test_what_comes_late_is_not_lost(join, knobs):
    """A worker that was stopped, and given up by the others, has its result counted all the same."""
    slow, watcher = join(), join()
    numbers = slow.take(designs(knobs, 2), 10)
    watcher.board.give_up(numbers[:1])
    slow.board.finish(numbers, slow.params(designs(knobs, 2)), outcomes(2))
    assert states(watcher) == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    finished = sorted(trial.values[0] for trial in watcher.look().finished)
    assert finished == [1.0, 2.0]
    watcher.board.give_up([1, 2])
    assert states(join()).count(TrialState.COMPLETE) == 2


def test_a_worker_that_leaves_gives_its_trials_back(join, knobs):
    with join() as shared:
        shared.take(designs(knobs, 2), 10)
    assert states(join()) == [TrialState.FAIL, TrialState.FAIL]


@pytest.mark.parametrize("join", KINDS[:2], indirect=True)
def test_one_search_goes_on_with_the_study_of_another(join, mlp, knobs):
    """In the study as in memory, bit for bit; the second command adds what is missing; nothing is left running."""
    alone = search(mlp, knobs, trials=60)
    begun = search(mlp, knobs, trials=60, storage=join.url)
    assert begun.designs.equals(alone.designs)
    assert begun.trials.equals(alone.trials)
    assert begun.record.repeats == alone.record.repeats
    more = search(mlp, knobs, trials=90, storage=join.url, sampler="random")
    assert more.trials["origin"].value_counts().to_dict() == {"another worker": 60, "this run": 30}
    assert more.trials[begun.trials.columns].head(60).equals(begun.trials)
    assert not more.trials.duplicated([parameter.column for parameter in knobs.free_parameters]).any()
    assert "record only" in more.record.reproducible
    worker = join()
    assert states(worker) == [TrialState.COMPLETE] * 90
    assert worker.board.study.metric_names == ["latency_s", "price_usd"]


@pytest.mark.parametrize("join", KINDS[:2], indirect=True)
def test_a_new_search_takes_over_what_a_dead_worker_held(join, mlp, knobs):
    dead = join()
    dead.take(designs(knobs, 4), 20)
    dead.board.storage.set_study_user_attr(dead.board.study_id, f"{BEAT}{dead.worker}", time.time() - 100.0)
    found = search(mlp, knobs, trials=20, storage=join.url)
    assert len(found.trials) == 20
    assert found.record.lost == 4
    assert states(dead).count(TrialState.COMPLETE) == 20
    assert TrialState.RUNNING not in states(dead)


def test_a_half_written_line_of_a_killed_worker_is_cut_off(tmp_path, mlp, knobs):
    path = tmp_path / "study.log"
    search(mlp, knobs, trials=20, storage=f"journal://{path}")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code": 6, "trial')
    assert len(search(mlp, knobs, trials=30, storage=f"journal://{path}").trials) == 30
    assert path.read_bytes().startswith(whole + b'{"op_code')
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_another_search_may_not_join(database, mlp, knobs, monkeypatch):
    """Whatever differs is named; what has no name is known by what the model says of a few designs."""
    search(mlp, knobs, trials=3, storage=database, study_name="mine")

    def refused(space=knobs, study="mine", **options):
        with pytest.raises(StorageError) as caught:
            search(mlp, space, trials=3, storage=database, study_name=study, **options)
        return str(caught.value)

    assert "budget of price: 100 there, 10 here" in refused(knobs.with_budget("price=10USD"))
    small = refused(knobs.with_values("sram", "64KiB,128KiB"))
    assert "parameter sram: " in small
    assert "65536, 131072 here" in small
    assert "objectives: " in refused(knobs.with_objectives("latency"))
    assert "evaluator: none there" in refused(evaluator=lambda design: {"latency_s": 1.0})
    monkeypatch.setattr(sharing, "probe", lambda *given: [1.0])
    assert "the same designs come out otherwise" in refused()
    storage = open_storage(database)
    other = optuna.create_study(study_name="other", storage=storage, directions=["minimize"] * len(knobs.objectives))
    other.add_trial(optuna.trial.create_trial(values=[1.0] * len(knobs.objectives)))
    close_storage(storage)
    assert "dse did not write" in refused(study="other")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://x", "no storage of the kind 'nonsense'"),
        ("sqlite:///no/such/folder/x.db", "unable to open database file\n.*folder exist"),
        ("sqlite:///", "in memory is gone"),
        (" ", "empty"),
        ("mysql+pymysql://a/b", "pip install pymysql"),
        ("postgresql+psycopg2://me:secret@host/b", r"dse\[postgresql\]"),
        ("journal:///no/such/folder/x.log", "No such file or directory"),
        ("journal:///tmp", "folder"),
    ],
)
def test_a_storage_that_cannot_be(url, said):
    with pytest.raises(StorageError, match=said) as caught:
        open_storage(storage_url(url))
    assert "secret" not in str(caught.value)


def test_a_file_of_another_kind_is_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("to do\n")
    for url in (f"journal://{text}", f"sqlite:///{text}"):
        with pytest.raises(StorageError, match=r"no journal|not a database"):
            open_storage(url)
    assert text.read_text() == "to do\n"


def test_without_the_driver_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("dse.search.storage.importlib.util.find_spec", lambda name: None)
    with pytest.raises(StorageError, match=r"pip install 'dse\[postgresql\]'"):
        open_storage(storage_url("postgres://me@host/name"))


def test_a_locked_database_says_who_to_look_for(tmp_path, database, mlp, knobs, monkeypatch):
    monkeypatch.setattr("dse.search.storage.SECONDS_FOR_A_LOCK", 0.1)
    other = sqlite3.connect(tmp_path / "study.db")
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StorageError, match=r"database is locked\n.*another process"):
            search(mlp, knobs, trials=6, storage=database)
    finally:
        other.close()


def test_a_storage_that_goes_away_costs_nothing_that_was_found(database, mlp, knobs, monkeypatch):
    calls = []

    def breaks(self, *given):
        calls.append(1)
        if len(calls) > 1:
            raise board_bulk.StorageError("gone")
        return taken(self, *given)

    taken = board_bulk.DatabaseBoard._take
    monkeypatch.setattr(board_bulk.DatabaseBoard, "_take", breaks)
    found = search(mlp, knobs, trials=200, storage=database)
    assert found.record.stopped == "gone"
    assert found.interrupted
    assert len(found.trials) >= 40


def test_passwords_stay_where_they_are():
    assert without_password("--storage=postgresql://me:s3cret@db/x") == "--storage=postgresql://me:***@db/x"
    assert without_password("postgresql://db/x?user=me&password=s3cret&a=b") == "postgresql://db/x?user=me&password=***&a=b"
    assert without_password("sqlite:///a.db") == "sqlite:///a.db"


def test_a_grace_that_is_no_time(database, mlp, knobs):
    with pytest.raises(InputError, match="grace"):
        search(mlp, knobs, storage=database, grace_s=0.1)


@pytest.mark.parametrize("evaluator", [None, lambda design: {"latency_s": 1e-3}])
def test_what_another_worker_holds_is_left_to_it(database, mlp, knobs, evaluator):
    """A search does all but the designs in another's hands, and waits for those."""
    small = (
        knobs.with_values("compute_units", "256,1024").with_values("sram", "1MiB,2MiB").with_values("bandwidth", "4GB/s,8GB/s")
    )
    distributions = {parameter.name: distribution_of(parameter) for parameter in small.free_parameters}
    name = None if evaluator is None else evaluator_named(evaluator).name
    other = sharing.share(
        database, None, mlp, small, distributions=distributions, read=lambda params: indices_of(small, params), evaluator=name
    )

    def stop(now):
        if now.waiting and now.done == 5:
            raise KeyboardInterrupt

    with other:
        held = designs(small, 3)
        other.take(held, 8)
        found = search(mlp, small, trials=8, storage=database, evaluator=evaluator, sampler="random", on_progress=stop)
    assert found.interrupted
    tried = {tuple(row) for row in found.trials[["compute_units", "sram_bytes", "bandwidth_bytes_per_s"]].to_numpy()}
    assert len(tried) == 5
    theirs = small.frame(np.array(held))[["compute_units", "sram_bytes", "bandwidth_bytes_per_s"]].to_numpy()
    assert not tried & {tuple(row) for row in theirs}
