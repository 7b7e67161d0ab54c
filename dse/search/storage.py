"""Where a study lies: an Optuna storage from the text that a user writes, and in words what is wrong with it."""

from __future__ import annotations

import importlib.util
import os
import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sql
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from dse.errors import Problem, StorageError
from dse.search.record import without_password

SECONDS_FOR_A_LOCK = 60.0
"""How long SQLite waits for another process to finish writing."""

SECONDS_TO_CONNECT = 10
ATTEMPTS = 12
"""How often the tables of a database are looked for while other workers make them."""

DRIVERS = {
    "postgresql+psycopg": ("psycopg", "pip install 'dse[postgresql]'"),
    "postgresql+psycopg2": ("psycopg2", "write postgresql+psycopg://, and pip install 'dse[postgresql]'"),
    "mysql+pymysql": ("pymysql", "pip install pymysql"),
    "mysql+mysqldb": ("MySQLdb", "pip install mysqlclient"),
}
"""SQLAlchemy's name of a driver -> its module, and what to do where it is missing."""

JOURNAL = "journal://"
SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
EXAMPLES = "for instance sqlite:///study.db, postgresql+psycopg://user@host/name, or a journal file: journal://study.log"


def storage_url(written: str) -> str:
    """The full form of what a user writes: a path is a SQLite file or a journal file, ``postgres://`` takes the driver we ship.

    >>> storage_url("study.db"), storage_url("study.log"), storage_url("postgres://db/x")
    ('sqlite:///study.db', 'journal://study.log', 'postgresql+psycopg://db/x')
    """
    text = written.strip()
    if "://" not in text:
        if not text:
            raise StorageError(Problem("--storage is empty", remedy=EXAMPLES))
        return f"sqlite:///{text}" if text.endswith(SQLITE_SUFFIXES) else f"{JOURNAL}{text}"
    kind, rest = text.split("://", 1)
    kind = {"postgres": "postgresql", "sqlite3": "sqlite"}.get(kind, kind)
    if kind == "postgresql" and importlib.util.find_spec("psycopg2") is None:
        kind = "postgresql+psycopg"
    return f"{kind}://{rest}"


def open_storage(url: str) -> BaseStorage:
    """The storage of a full URL (see `storage_url`), its tables made if need be. Raises `StorageError`."""
    with said_plainly(url):
        if url.startswith(JOURNAL):
            return _journal(url)
        try:
            parsed = sql.make_url(url)
        except (ArgumentError, ValueError):
            raise StorageError(Problem(f"--storage {without_password(url)}: that is no storage", remedy=EXAMPLES)) from None
        _check_driver(parsed, url)
        if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
            remedy = "leave --storage out for a study in memory, or name a file: sqlite:///study.db"
            raise StorageError(Problem("a SQLite study in memory is gone with the process", remedy=remedy))
        return _database(url, parsed.get_backend_name())


def close_storage(storage: BaseStorage) -> None:
    """Give back a database's connections."""
    if isinstance(storage, RDBStorage):
        storage.remove_session()
        storage.engine.dispose()


def journal_path(url: str) -> Path:
    """The file of a journal's URL."""
    return Path(url.removeprefix(JOURNAL))


def _journal(url: str) -> BaseStorage:
    path = journal_path(url)
    if path.is_dir():
        raise StorageError(Problem(f"--storage {url}: that is a folder", remedy=EXAMPLES))
    if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3":
        raise StorageError(Problem(f"--storage {url}: that is a SQLite file", remedy=f"write sqlite:///{path}"))
    if path.is_file():
        with path.open("rb") as journal:
            first = journal.readline()
        if first.endswith(b"\n") and not first.startswith(b'{"op_code"'):
            raise ValueError("no line of a journal")
    return JournalStorage(journal_backend(path))


def journal_backend(path: Path) -> JournalFileBackend:
    """The file of a journal, read and written line by line."""
    return JournalFileBackend(str(path), lock_obj=_MendingLock(path))


class _MendingLock(JournalFileOpenLock):
    """The right to write to a journal; whoever gets it cuts off the half line that a killed writer left."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def acquire(self) -> bool:
        got = super().acquire()
        with self._path.open("rb+") as journal:
            end = journal.seek(0, os.SEEK_END)
            if end and (journal.seek(end - 1), journal.read(1))[1] != b"\n":
                journal.seek(0)
                journal.truncate(journal.read().rfind(b"\n") + 1)
        return got


def _check_driver(parsed: sql.URL, url: str) -> None:
    shown = without_password(url)
    try:
        dialect = parsed.get_dialect()
    except NoSuchModuleError:
        raise StorageError(Problem(f"--storage {shown}: no storage of the kind {parsed.drivername!r}", remedy=EXAMPLES)) from None
    module, remedy = DRIVERS.get(f"{parsed.get_backend_name()}+{dialect.driver}", ("", ""))
    if module and importlib.util.find_spec(module) is None:
        raise StorageError(Problem(f"--storage {shown} needs the driver {module}, which is not installed", remedy=remedy))


def _database(url: str, kind: str) -> BaseStorage:
    """A database with Optuna's tables. Workers that start together all try to make them: who comes late looks again."""
    waits: dict[str, Any] = {}
    if kind == "sqlite":
        waits = {"timeout": SECONDS_FOR_A_LOCK}
    elif kind in ("postgresql", "mysql"):
        waits = {"connect_timeout": SECONDS_TO_CONNECT}
    engine: dict[str, Any] = {"connect_args": waits, "pool_pre_ping": True}
    if kind != "sqlite":
        engine |= {"pool_size": 2, "max_overflow": 2}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return RDBStorage(url.replace("{", "{{").replace("}", "}}"), engine_kwargs=engine)
        except (SQLAlchemyError, StorageInternalError, AssertionError) as error:
            if attempt == ATTEMPTS or not _is_race(error):
                raise
            time.sleep(random.uniform(0.05, 0.3) * attempt)  # noqa: S311 - workers only step aside
    raise AssertionError("the last attempt raises")


def _is_race(error: Exception) -> bool:
    """Whether another worker was making the tables at the same time."""
    said = _root(error).lower()
    return isinstance(error, AssertionError) or any(
        sign in said
        for sign in ("already exists", "duplicate", "unique", "no such table", "does not exist: relation", "undefined")
    )


def _root(error: BaseException) -> str:
    """What the database itself said: the innermost cause."""
    inner = error
    while True:
        cause = getattr(inner, "orig", None) or inner.__cause__
        if not isinstance(cause, BaseException):
            return str(inner)
        inner = cause


@contextmanager
def said_plainly(url: str) -> Generator[None]:
    """Turn what a storage raises into a `StorageError` that says what to do."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise StorageError(_problem(url, _root(error))) from error
    except ImportError as error:
        cause = error.__cause__ or error
        remedy = "install the driver of that database"
        raise StorageError(Problem(f"--storage {without_password(url)}: {cause}", remedy=remedy)) from error
    except (ValueError, KeyError) as error:
        if not url.startswith(JOURNAL):
            raise
        remedy = "name a file that does not exist yet, or one that a search has written"
        raise StorageError(Problem(f"--storage {url}: that is no journal of a study", remedy=remedy)) from error
    except RuntimeError as error:
        if "schema" not in str(error):
            raise
        raise StorageError(Problem(f"--storage {without_password(url)}: {error}")) from error
    except OSError as error:
        raise StorageError(Problem(f"--storage {without_password(url)}: {error.strerror or error}", remedy=EXAMPLES)) from error


REMEDIES = (
    ("database is locked", "another process writes to it without end: end that, or use PostgreSQL for many workers"),
    ("unable to open database file", "does its folder exist, and may you write there?"),
    ("readonly database", "may you write to it?"),
    ("not a database", "name a file that does not exist yet, or one that a search has written"),
    ("password authentication failed", "check user and password in the URL"),
    ("no password supplied", "write the password into the URL: postgresql+psycopg://user:password@host/name"),
    ("role", "check the user in the URL"),
    ("database", "check the name of the database in the URL; `createdb NAME` makes one"),
    ("connection", "is the server running, and do host and port in the URL fit it?"),
    ("resolve", "check the host in the URL"),
)
"""What a database says -> what to do; the first that fits."""


def _problem(url: str, said: str) -> Problem:
    line = without_password(" ".join(said.split())[:300])
    remedy = next((remedy for sign, remedy in REMEDIES if sign in line.lower()), None)
    return Problem(f"--storage {without_password(url)}: {line}", remedy=remedy)


def quieten() -> None:
    """Let Optuna keep what it has to say to itself."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
