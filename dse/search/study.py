"""The Optuna search: ask a batch, evaluate it with one vectorised call, tell.

Samplers are fed the logarithm of each objective and every budget as a constraint (Optuna 5), in a study of this process's own
in memory. Designs that come again are counted and answered from what is known of them. A `Board` is where several processes
share a study, and an `Evaluator` is who gives a second opinion of every design.
"""

from __future__ import annotations

import importlib.util
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import optuna
import pandas as pd
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from dse.errors import InputError, Problem
from dse.hardware.parameters import suggestion
from dse.hardware.space import Space
from dse.search.evaluator import Function, evaluator_named
from dse.search.exact import exact_front
from dse.search.front import Front, certificate, make_front
from dse.search.hunt import BATCH, Hunt
from dse.search.judged import TARGET_SECONDS, judged
from dse.search.ladder import with_standing
from dse.search.ledger import Ledger, Progress, designs_of_table, opinions_of_table
from dse.search.parameters import distribution_of, indices_of
from dse.search.record import GRACE_S, Record
from dse.search.sampler import ModelSampler
from dse.workload.together import together
from dse.workload.workload import Across, Workload

if TYPE_CHECKING:
    from dse.search.sharing import Shared

Sampler = Literal["model", "nsga2", "nsga3", "tpe", "gp", "random", "qmc"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)

DEFAULT_TRIALS = 2000
MOST_SEED = 2**32 - 1


def search(
    workload: Workload | Sequence[Workload],
    space: Space,
    *,
    across: Across | None = None,
    trials: int = DEFAULT_TRIALS,
    sampler: Sampler = "model",
    seed: int | None = 0,
    storage: str | None = None,
    study_name: str | None = None,
    grace_s: float = GRACE_S,
    evaluator: str | Function | None = None,
    evaluator_timeout_s: float | None = None,
    earlier: pd.DataFrame | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Front:
    """Search `space` for the Pareto-optimal designs of `workload` within the budget.

    Several workloads are judged `across` them: mean, worst or each its own objective (see `dse.combine`).
    The sampler "model" finds the best designs with the model (`dse.search.ladder`) and tries these; the others are Optuna's own.
    Same seed, same front. Where `trials` (different designs) are enough for the space, none is left out, and the front is
    certified. Ctrl-C stops the search and keeps what was found (`Front.interrupted`).

    `storage` (an Optuna storage: SQLite, PostgreSQL, a journal file) holds the study `study_name`, which other processes may
    join; `trials` then counts those of all of them, and a worker without a sign of life for `grace_s` is taken for gone.
    `evaluator`, ``MODULE:FUNCTION`` or a function, is asked about every design: a dict of its parameters in, a dict of metrics
    out, which then stand in for the model's. `earlier` is the table of trials of a front to go on from.
    Raises `NoFeasibleDesign` if nothing evaluated keeps the limits, and `InputError` for what cannot run here.
    """
    if trials < 1:
        raise InputError(Problem(f"{trials} trials: a search tries at least one design"))
    workload, space = judged(together(workload, across), space, partial(exact_front, seconds=TARGET_SECONDS))
    study = _study(workload, space, sampler, seed)
    ledger = Ledger(workload=workload, space=space)
    _keep_earlier(ledger, earlier)
    known = ledger.distinct
    distributions = {parameter.name: distribution_of(parameter) for parameter in space.free_parameters}

    def read(params: Mapping[str, Any]) -> list[int]:
        return indices_of(space, params)

    with ExitStack() as held:
        judge = held.enter_context(evaluator_named(evaluator, evaluator_timeout_s)) if evaluator is not None else None
        shared = None
        if storage is not None:
            from dse.search.sharing import share

            asked = judge.name if judge else None
            joined = share(
                storage, study_name, workload, space, distributions=distributions, read=read, evaluator=asked, grace_s=grace_s
            )
            shared = held.enter_context(joined)
        own_seed = _seed_of_worker(seed, known, shared)
        hunt = Hunt(
            ledger=ledger,
            study=study if own_seed == seed else _study(workload, space, sampler, own_seed),
            distributions=distributions,
            read=read,
            trials=trials if shared else known + trials,
            judge=judge,
            shared=shared,
            seed=own_seed,
        )
        interrupted, stopped = hunt.run(on_progress)
    record = Record(
        repeats=ledger.repeats,
        different=ledger.different(),
        earlier=known,
        elsewhere=hunt.elsewhere,
        lost=hunt.lost,
        storage=shared.url if shared else None,
        study=shared.name if shared else None,
        evaluator=judge.name if judge else None,
        opinions=ledger.progress(0, 0).opinions,
        stopped=stopped,
    )
    early = interrupted or stopped is not None
    found = make_front(
        workload,
        space,
        ledger.batches,
        certificate(ledger.distinct, space.size, interrupted=early),
        trials=ledger.trials(),
        sampler=sampler,
        seed=seed,
        interrupted=early,
        record=record,
    )
    return with_standing(found) if sampler == "model" and judge is None else found


def _keep_earlier(ledger: Ledger, earlier: pd.DataFrame | None) -> None:
    """Put the trials of an earlier run into the ledger, evaluated again; what an evaluator said of them is kept."""
    if earlier is None or not len(earlier):
        return
    designs, opinions = designs_of_table(ledger.space, earlier), opinions_of_table(earlier)
    rows = ledger.fresh(designs)
    ledger.keep(ledger.model(designs[rows]), [opinions[row] for row in rows] if opinions else [], "earlier run")


def _seed_of_worker(seed: int | None, known: int, shared: Shared | None) -> int | None:
    """The seed itself for a search that begins; where others have been before, one of its own, lest it repeats what they did."""
    if seed is None or (not known and (shared is None or shared.is_first)):
        return seed
    worker = zlib.crc32(shared.worker.encode()) if shared else 0
    return int(np.random.SeedSequence([seed, known, worker]).generate_state(1)[0])


def _study(workload: Workload, space: Space, sampler: Sampler, seed: int | None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    proposes = _sampler(sampler, workload, space, seed)
    return optuna.create_study(directions=[StudyDirection.MINIMIZE] * len(space.objectives), sampler=proposes)


def _sampler(name: str, workload: Workload, space: Space, seed: int | None) -> BaseSampler:
    if seed is not None and not 0 <= seed <= MOST_SEED:
        raise InputError(Problem(f"seed {seed}: a seed is a whole number from 0 to {MOST_SEED:,}"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        match name:
            case "model":
                return ModelSampler(workload, space, seed=seed)
            case "nsga2":
                return optuna.samplers.NSGAIISampler(population_size=BATCH, seed=seed)
            case "nsga3":
                return optuna.samplers.NSGAIIISampler(population_size=BATCH, seed=seed)
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed)
            case "random":
                return optuna.samplers.RandomSampler(seed=seed)
            case "qmc":
                return optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
            case "gp":
                return _gp_sampler(seed)
            case _:
                raise InputError(Problem(f"unknown sampler {name!r}", remedy=suggestion(name, SAMPLERS)))


def _gp_sampler(seed: int | None) -> BaseSampler:
    if importlib.util.find_spec("torch") is None:
        remedy = "pip install 'dse[gp]', or choose another sampler"
        raise InputError(Problem("sampler 'gp' needs PyTorch, which is not installed", remedy=remedy))
    return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True, warn_independent_sampling=False)
