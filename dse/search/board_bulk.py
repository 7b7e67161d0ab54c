"""Boards that write many trials at once: one transaction of a database, one write to a journal file.

A trial of Optuna's own takes about seventy statements and twenty commits of a database, 40 to 50 ms; here a batch of fifty
takes two transactions.
"""

from __future__ import annotations

import datetime
import json
import math
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sql
from optuna.distributions import distribution_to_json
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from dse.errors import Problem, StorageError
from dse.search.board import WORKER, Board, Outcome, Terms, system_attributes
from dse.search.record import GRACE_S
from dse.search.storage import journal_backend, journal_path

TABLES = ("studies", "trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")

CREATE_TRIAL, SET_STATE, SET_USER_ATTRIBUTE, SET_SYSTEM_ATTRIBUTE = 4, 6, 8, 9
"""Operations of a journal's lines (optuna.storages.journal.JournalOperation); they are what files hold, and so do not change."""


def board(storage: BaseStorage, url: str, terms: Terms, grace_s: float = GRACE_S) -> Board:
    """The fastest board that the storage allows."""
    if isinstance(storage, JournalStorage):
        return JournalBoard(storage, url, terms, grace_s)
    if isinstance(storage, RDBStorage) and storage.engine.dialect.name in ("sqlite", "postgresql"):
        return DatabaseBoard(storage, url, terms, grace_s)
    return Board(storage, url, terms, grace_s)


class JournalBoard(Board):
    """A study in a journal file. The file itself is the order of events: what stands first holds."""

    def __init__(self, storage: BaseStorage, url: str, terms: Terms, grace_s: float = GRACE_S) -> None:
        path = journal_path(url)
        self._file = journal_backend(path)
        self._turn = JournalFileOpenLock(f"{path}.turn")
        super().__init__(storage, url, terms, grace_s)

    def _take(self, templates: Sequence[FrozenTrial], trials: int) -> list[int]:
        self._turn.acquire()
        try:
            standing = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state != TrialState.FAIL]
            room = max(0, trials - len(standing))
            self._write([self._creation(template) for template in templates[:room]])
            return sorted(self._mine(self.study.get_trials(deepcopy=False)))
        finally:
            self._turn.release()

    def _finish(self, numbers: Sequence[int], designs: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> None:
        lines = list[dict[str, Any]]()
        for number, outcome in zip(numbers, outcomes, strict=True):
            trial = {"trial_id": self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)}
            lines += [
                {"op_code": SET_SYSTEM_ATTRIBUTE, **trial, "system_attr": {key: value}}
                for key, value in system_attributes(outcome).items()
            ]
            lines += [{"op_code": SET_USER_ATTRIBUTE, **trial, "user_attr": {key: value}} for key, value in outcome.notes.items()]
            lines.append(_state_line(trial, TrialState.COMPLETE, outcome.values))
        self._write(lines)
        states = {trial.number: trial.state for trial in self.study.get_trials(deepcopy=False)}
        lost = [at for at, number in enumerate(numbers) if states[number] != TrialState.COMPLETE]
        self._write([self._creation(self._template(TrialState.COMPLETE, designs[at], outcomes[at])) for at in lost])

    def _give_up(self, numbers: Sequence[int]) -> None:
        ids = [self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number) for number in numbers]
        self._write([_state_line({"trial_id": trial}, TrialState.FAIL, None) for trial in ids])

    def _creation(self, template: FrozenTrial) -> dict[str, Any]:
        assert template.datetime_start is not None
        line: dict[str, Any] = {
            "op_code": CREATE_TRIAL,
            "study_id": self.study_id,
            "datetime_start": template.datetime_start.astimezone(datetime.UTC).isoformat(timespec="microseconds"),
            "state": template.state,
            "value": None,
            "values": template.values,
            "distributions": {name: distribution_to_json(each) for name, each in template.distributions.items()},
            "params": {name: template.distributions[name].to_internal_repr(value) for name, value in template.params.items()},
            "user_attrs": template.user_attrs,
            "system_attrs": template.system_attrs,
            "intermediate_values": {},
        }
        return line | ({"datetime_complete": _moment()} if template.state.is_finished() else {})

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        """One write, under the worker's own name: what another worker was faster with is passed over when the file is read."""
        if lines:
            self._file.append_logs([{**line, "worker_id": self.worker} for line in lines])


def _state_line(trial: Mapping[str, Any], state: TrialState, values: Sequence[float] | None) -> dict[str, Any]:
    return {"op_code": SET_STATE, **trial, "state": state, "values": values, "datetime_complete": _moment()}


def _moment() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")


class DatabaseBoard(Board):
    """A study in SQLite or PostgreSQL, in Optuna's own tables. Who adds trials holds the study's row (SQLite: the file)."""

    def __init__(self, storage: RDBStorage, url: str, terms: Terms, grace_s: float = GRACE_S) -> None:
        self._database = storage
        self._engine = storage.engine
        self._is_sqlite = storage.engine.dialect.name == "sqlite"
        super().__init__(storage, url, terms, grace_s)
        catalogue = sql.MetaData()
        catalogue.reflect(bind=self._engine, only=TABLES)
        self._tables = {name: catalogue.tables[name] for name in TABLES}

    def _take(self, templates: Sequence[FrozenTrial], trials: int) -> list[int]:
        table = self._tables["trials"]
        with self._turn() as connection:
            standing = connection.execute(
                sql.select(sql.func.count()).where(table.c.study_id == self.study_id, table.c.state != TrialState.FAIL.name)
            ).scalar_one()
            return self._insert(connection, templates[: max(0, trials - standing)])

    def _finish(self, numbers: Sequence[int], designs: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> None:
        table = self._tables["trials"]
        with self._turn() as connection:
            rows = connection.execute(
                sql.select(table.c.number, table.c.trial_id, table.c.state)
                .where(table.c.study_id == self.study_id, table.c.number.in_(numbers))
                .with_for_update()
            )
            running = {row.number: row.trial_id for row in rows if str(row.state) == TrialState.RUNNING.name}
            here = [at for at, number in enumerate(numbers) if number in running]
            gone = [at for at, number in enumerate(numbers) if number not in running]
            ids = [running[numbers[at]] for at in here]
            self._insert_outcomes(connection, ids, [outcomes[at] for at in here])
            if ids:
                done = {"state": TrialState.COMPLETE.name, "datetime_complete": _utc_now()}
                connection.execute(sql.update(table).where(table.c.trial_id.in_(ids)).values(**done))
            self._insert(connection, [self._template(TrialState.COMPLETE, designs[at], outcomes[at]) for at in gone])

    def _give_up(self, numbers: Sequence[int]) -> None:
        table = self._tables["trials"]
        mine = (table.c.study_id == self.study_id, table.c.number.in_(numbers), table.c.state == TrialState.RUNNING.name)
        failed = {"state": TrialState.FAIL.name, "datetime_complete": _utc_now()}
        with self._turn() as connection:
            connection.execute(sql.update(table).where(*mine).values(**failed))

    @contextmanager
    def _turn(self) -> Generator[sql.Connection]:
        """A transaction in which nobody else adds trials to the study. Raises `StorageError` if the study is no more."""
        with self._engine.connect() as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            study = self._tables["studies"]
            row = connection.execute(sql.select(study).where(study.c.study_id == self.study_id).with_for_update()).first()
            if row is None:
                raise StorageError(Problem(f"the study {self.terms.name!r} was deleted meanwhile"))
            yield connection
            connection.commit()

    def _insert(self, connection: sql.Connection, templates: Sequence[FrozenTrial]) -> list[int]:
        """New trials with all they hold; their numbers."""
        if not templates:
            return []
        table, moment = self._tables["trials"], _utc_now()
        count = sql.select(sql.func.count()).where(table.c.study_id == self.study_id)
        first = connection.execute(count).scalar_one()
        rows = [
            {
                "number": first + at,
                "study_id": self.study_id,
                "state": template.state.name,
                "datetime_start": moment,
                "datetime_complete": moment if template.state.is_finished() else None,
            }
            for at, template in enumerate(templates)
        ]
        made = connection.execute(sql.insert(table).returning(table.c.trial_id, sort_by_parameter_order=True), rows)
        ids = list(made.scalars())
        params = [
            {
                "trial_id": trial,
                "param_name": name,
                "param_value": distribution.to_internal_repr(template.params[name]),
                "distribution_json": distribution_to_json(distribution),
            }
            for trial, template in zip(ids, templates, strict=True)
            for name, distribution in template.distributions.items()
        ]
        self._insert_rows(connection, "trial_params", params)
        workers = [{"trial_id": trial, "key": WORKER, "value_json": json.dumps(self.worker)} for trial in ids]
        self._insert_rows(connection, "trial_user_attributes", workers)
        finished = [at for at, template in enumerate(templates) if template.state.is_finished()]
        self._insert_outcomes(connection, [ids[at] for at in finished], [_outcome(templates[at]) for at in finished])
        return [first + at for at in range(len(templates))]

    def _insert_outcomes(self, connection: sql.Connection, ids: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        pairs = list(zip(ids, outcomes, strict=True))
        values = [
            {
                "trial_id": trial,
                "objective": objective,
                "value": value if math.isfinite(value) else None,
                "value_type": "FINITE" if math.isfinite(value) else "INF_POS" if value > 0 else "INF_NEG",
            }
            for trial, outcome in pairs
            for objective, value in enumerate(outcome.values)
        ]
        self._insert_rows(connection, "trial_values", values)
        notes = [
            {"trial_id": trial, "key": key, "value_json": json.dumps(value)}
            for trial, outcome in pairs
            for key, value in outcome.notes.items()
        ]
        self._insert_rows(connection, "trial_user_attributes", notes)
        system = [
            {"trial_id": trial, "key": key, "value_json": json.dumps(value)}
            for trial, outcome in pairs
            for key, value in system_attributes(outcome).items()
        ]
        self._insert_rows(connection, "trial_system_attributes", system)

    def _insert_rows(self, connection: sql.Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            connection.execute(sql.insert(self._tables[table]), list(rows))

    def _now(self) -> float:
        """The server's clock: workers may run on hosts whose clocks differ."""
        if self._is_sqlite:
            return time.time()
        with self._engine.connect() as connection:
            return float(connection.execute(sql.text("SELECT EXTRACT(EPOCH FROM clock_timestamp())")).scalar_one())

    def _end_thread(self) -> None:
        self._database.remove_session()


def _utc_now() -> datetime.datetime:
    """Now, as Optuna's tables hold it: UTC that does not say so."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _outcome(template: FrozenTrial) -> Outcome:
    system = dict(template.system_attrs)
    notes = {key: value for key, value in template.user_attrs.items() if key != WORKER}
    return Outcome(values=template.values, constraints=system.pop("constraints"), notes=notes, system=system)
