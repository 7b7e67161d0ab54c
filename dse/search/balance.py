"""Balanced designs: the continuous relaxation of a space, solved at several levels of spending, and snapped to its grid.

The relaxation lets compute (MAC units), clock, on-chip bytes and bandwidth take any value between the least and the most of
the space. Costs are those of the cost model; time is the roofline of each scenario s,

    T = sum_s w_s max(macs_s / (units · f), Q_s(S) / B),

with Q_s(S) its off-chip bytes against on-chip bytes, interpolated between designs that were evaluated. At each level of price
(or of area or power, where price is no matter), for each choice of memory, format and node, the other objectives are made small:
the money goes where both sides of the maximum are equal. All levels and choices are solved together: the problems are
independent, so that the gradient of their sum holds the gradient of each (L-BFGS-B, Byrd, Lu, Nocedal and Zhu, 1995; limits as
quadratic penalties). What comes out is rounded to nearby values of the grid; dataflow, buffering and vector lanes, which the
roofline does not see, take any value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from dse.hardware.cost import component_costs
from dse.hardware.design import DATAFLOWS, Designs, FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.search.front import score
from dse.search.moves import Axes
from dse.workload.workload import Workload

LEVELS = 9
"""Levels of spending, evenly in log from the cheapest machine to the limit or the dearest machine, these two among them."""

MOST_COMBINATIONS = 16
"""Choices of memory, format and node that are solved for; of more, some are drawn."""

MOST_SIZES = 24
"""On-chip sizes for which the off-chip bytes are evaluated."""

PENALTY = 100.0
"""Of the squared log excess over a limit."""

SHARPNESS = 8.0
"""Exponent p of the soft maximum (a^p + b^p)^(1/p)."""

STEP = 1e-4
"""Of the finite differences, in log units."""

ITERATIONS = 40

LEAST = 1e-9
"""A cost of nothing counts as this where logs are taken."""

MOST_LOG = 50.0
"""What has no finite value (a die larger than its wafer) counts as e to this."""

WIDEST = 7.0
"""Levels of spending lie at most so far apart in log: a factor of a thousand."""

ROUNDINGS = 3
"""Grid designs made from each relaxed one: the nearest, then drawn among the neighbours."""

NEAREST_ARRAYS = 8
"""Arrays among which a number of MAC units is drawn."""

MOST_ARRAYS = 1_000_000
"""Arrays whose MAC units are listed; of more, every axis is thinned."""

SPENDING = ("price", "area", "power")

ARRAY = ("array_rows", "array_cols", "compute_units", "cores")


def balanced(workload: Workload, space: Space, seed: int) -> IntColumn:
    """Rows of balanced designs, shape (designs, parameters), cheapest level first; none is evaluated against the limits."""
    draw = np.random.default_rng(seed)
    problem = _Problem.of(workload, space, draw)
    if problem is None:
        return np.zeros((1, len(space.parameters)), dtype=np.int64)
    return problem.snapped(problem.solved(), draw)


def _span(space: Space, name: str) -> tuple[float, float]:
    values = [float(value) for value in space.parameter(name).values]
    return float(np.log(max(min(values), LEAST))), float(np.log(max(max(values), LEAST)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """Everything solved at once. Shapes: (problems,) for `level` and columns of `fixed`, (problems, objectives) for `weights`.

    `low`, `high`: log bounds of MAC units, clock, bytes on chip and bandwidth (or channels). `bytes_at`, shape (sizes,
    scenarios), are log off-chip bytes at the log sizes `sizes`.
    """

    space: Space
    low: FloatColumn
    high: FloatColumn
    fixed: IntColumn
    level: FloatColumn
    weights: FloatColumn
    spending: str | None
    macs: FloatColumn
    share: FloatColumn
    sizes: FloatColumn
    bytes_at: FloatColumn
    arrays: tuple[IntColumn, FloatColumn]

    @classmethod
    def of(cls, workload: Workload, space: Space, draw: np.random.Generator) -> _Problem | None:
        """The relaxation of a space, or None if no machine of it runs the workload."""
        curve = _curve(workload, space, draw)
        if curve is None:
            return None
        sizes, bytes_at, macs, share = curve
        arrays = _arrays(space)
        link = "bandwidth" if _by_bandwidth(space) else "channels"
        spans = [_span(space, "frequency"), _span(space, "sram"), _span(space, link)]
        low = np.array([arrays[1].min(), *(span[0] for span in spans)])
        high = np.array([arrays[1].max(), *(span[1] for span in spans)])
        combinations = _combinations(space, draw)
        names = [objective.metric for objective in space.objectives]
        known = [name for name in SPENDING if name in names] + [n for n in SPENDING if space.budget.limit(n) is not None]
        spending = known[0] if known else None
        others = [at for at, name in enumerate(names) if name != spending] or list(range(len(names)))
        sets = [others] if len(others) == 1 else [others, *([at] for at in others)]
        weights = np.zeros((len(sets), len(names)))
        for row, chosen in enumerate(sets):
            weights[row, chosen] = 1.0 / len(chosen)
        count = len(combinations) * len(weights) * LEVELS
        problem = cls(
            space=space,
            low=low,
            high=high,
            fixed=np.repeat(combinations, len(weights) * LEVELS, axis=0),
            level=np.full(count, np.inf),
            weights=np.tile(np.repeat(weights, LEVELS, axis=0), (len(combinations), 1)),
            spending=spending,
            macs=macs,
            share=share,
            sizes=sizes,
            bytes_at=bytes_at,
            arrays=arrays,
        )
        return problem.with_levels()

    def with_levels(self) -> _Problem:
        """The same with the levels of spending of each combination between its cheapest and its dearest machine."""
        if self.spending is None:
            return self
        count = len(self.level)
        least = self._logs(np.tile(self.low, (count, 1)))[self.spending]
        most = self._logs(np.tile(self.high, (count, 1)))[self.spending]
        limit = self.space.budget.limit(self.spending)
        most = most if limit is None else np.minimum(most, np.log(limit))
        part = np.tile(np.linspace(0.0, 1.0, LEVELS), count // LEVELS)
        object.__setattr__(self, "level", least + np.clip(most - least, 0.0, WIDEST) * part)
        return self

    def solved(self) -> FloatColumn:
        """The relaxed optima, log, shape (problems, 4)."""
        shape = (len(self.level), len(self.low))
        start = np.tile((self.low + self.high) / 2, (shape[0], 1))
        bounds = list(zip(np.tile(self.low, shape[0]), np.tile(self.high, shape[0]), strict=True))

        aside = np.concatenate([np.zeros((1, shape[1])), STEP * np.eye(shape[1])])

        def slope(flat: FloatColumn) -> tuple[float, FloatColumn]:
            """The sum of all losses, and its gradient by finite differences."""
            points = (flat.reshape(shape)[:, None, :] + aside).reshape(-1, shape[1])
            losses = self._loss(points).reshape(shape[0], -1)
            return float(losses[:, 0].sum()), ((losses[:, 1:] - losses[:, :1]) / STEP).ravel()

        found = optimize.minimize(
            slope, start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS}
        )
        return np.asarray(found.x, dtype=np.float64).reshape(shape)

    def _loss(self, point: FloatColumn) -> FloatColumn:
        """Weighted log objectives and penalties of several points of each problem, shape (points of all problems,)."""
        logs, times = self._logs(point), len(point) // len(self.level)
        weights, level = np.repeat(self.weights, times, axis=0), np.repeat(self.level, times)
        total = np.zeros(len(point))
        for at, objective in enumerate(self.space.objectives):
            total += weights[:, at] * _like(logs, objective.metric)
        for metric in ("price", "area", "power", "latency", "energy"):
            limit = self.space.budget.limit(metric)
            if limit is not None:
                total += PENALTY * np.maximum(logs[metric] - np.log(limit), 0.0) ** 2
        if self.spending is not None:
            total += PENALTY * np.maximum(logs[self.spending] - level, 0.0) ** 2
        return total

    def _logs(self, point: FloatColumn) -> dict[str, FloatColumn]:
        """Log of every metric as a loss, by its objective's name, shape (points,) each."""
        units, clock, sram, link = np.exp(point).T
        designs = self._designs(units, clock, sram, link)
        costs, device = component_costs(designs, self.space), self.space.device
        columns: list[FloatColumn] = [np.interp(point[:, 2], self.sizes, column) for column in self.bytes_at.T]
        moved = np.exp(np.stack(columns, axis=1))
        compute = self.macs / (units * clock * device.compute_efficiency)[:, None]
        memory = moved / (designs.bandwidth_bytes_per_s * device.bandwidth_efficiency)[:, None]
        longest = np.maximum(np.maximum(compute, memory), 1e-300)
        time = longest * ((compute / longest) ** SHARPNESS + (memory / longest) ** SHARPNESS) ** (1.0 / SHARPNESS)
        total = time @ self.share
        energy = (
            (self.macs @ self.share) * costs.mac_energy_j
            + (moved @ self.share) * (costs.dram_energy_j_per_byte + costs.sram_energy_j_per_byte)
            + total * costs.static_power_w
        )
        logs = {
            "latency": np.log(total),
            "throughput": np.log(time) @ self.share / self.share.sum(),
            "energy": np.log(energy),
            "dram_bytes": np.log(moved @ self.share),
            "price": np.log(np.maximum(costs.price_usd, LEAST)),
            "area": np.log(np.maximum(costs.area_mm2, LEAST)),
            "power": np.log(np.maximum(costs.peak_power_w, LEAST)),
        }
        return {name: np.minimum(values, MOST_LOG) for name, values in logs.items()}

    def _designs(self, units: FloatColumn, clock: FloatColumn, sram: FloatColumn, link: FloatColumn) -> Designs:
        home = self.space.designs(np.repeat(self.fixed, len(units) // len(self.fixed), axis=0))
        by_bandwidth = _by_bandwidth(self.space)
        one_channel = home.bandwidth_bytes_per_s / np.maximum(home.channels, 1)
        return Designs(
            array_rows=np.sqrt(units),  # pyright: ignore[reportArgumentType] - the relaxation: any number, not only whole ones
            array_cols=np.sqrt(units),  # pyright: ignore[reportArgumentType]
            cores=np.ones(len(units), dtype=np.int64),
            frequency_hz=clock,
            dataflow=np.full(len(units), DATAFLOWS.index("ideal")),
            precision=home.precision,
            sram_bytes=sram,  # pyright: ignore[reportArgumentType]
            double_buffer=home.double_buffer,
            memory=home.memory,
            channels=home.channels if by_bandwidth else link,  # pyright: ignore[reportArgumentType]
            bandwidth_bytes_per_s=link if by_bandwidth else one_channel * link,
            vector_lanes=home.vector_lanes,
            node_nm=home.node_nm,
            memories=home.memories,
        )

    def snapped(self, point: FloatColumn, draw: np.random.Generator) -> IntColumn:
        """Grid designs near relaxed ones, shape (ROUNDINGS · problems, parameters)."""
        axes = Axes.of(self.space)
        anything = np.tile(axes.of_unit_cube(draw.random((len(point), len(axes.columns)))), (ROUNDINGS, 1))
        rows = np.tile(self.fixed, (ROUNDINGS, 1))
        for at, parameter in enumerate(self.space.parameters):
            if parameter.name in ("dataflow", "double_buffer", "vector_lanes"):
                rows[:, at] = anything[:, at]
        link = "bandwidth" if _by_bandwidth(self.space) else "channels"
        for variable, name in ((1, "frequency"), (2, "sram"), (3, link)):
            column = next(at for at, parameter in enumerate(self.space.parameters) if parameter.name == name)
            logs = np.log(np.array([float(value) for value in self.space.parameters[column].values]))
            above = np.clip(np.searchsorted(logs, point[:, variable]), 0, len(logs) - 1)
            below = np.maximum(above - 1, 0)
            near = np.where(np.abs(logs[above] - point[:, variable]) <= np.abs(logs[below] - point[:, variable]), above, below)
            either = [np.where(draw.random(len(point)) < 0.5, above, below) for _ in range(ROUNDINGS - 1)]
            rows[:, column] = np.concatenate([near, *either])
        table, logs = self.arrays
        order = np.argsort(logs, kind="stable")
        places = np.searchsorted(logs[order], point[:, 0])
        for rounding in range(ROUNDINGS):
            spread = draw.integers(-NEAREST_ARRAYS // 2, NEAREST_ARRAYS // 2 + 1, size=len(point)) if rounding else 0
            chosen = order[np.clip(places + spread, 0, len(order) - 1)]
            part = slice(rounding * len(point), (rounding + 1) * len(point))
            for column in _columns(self.space, ARRAY):
                rows[part, column] = table[chosen, column]
        return rows


def _like(logs: dict[str, FloatColumn], metric: str) -> FloatColumn:
    """The relaxed metric of an objective; that of one workload of several (``latency:vision``) goes with that of them all."""
    return logs.get(metric.partition(":")[0], logs["latency"])


def _by_bandwidth(space: Space) -> bool:
    return any(parameter.name == "bandwidth" for parameter in space.parameters)


def _columns(space: Space, names: tuple[str, ...]) -> list[int]:
    return [at for at, parameter in enumerate(space.parameters) if parameter.name in names]


def _grid(space: Space, columns: list[int], most: int) -> IntColumn:
    """Rows with every combination of these parameters, shape (combinations, parameters), the others at their first value."""
    longest = int(most ** (1.0 / max(len(columns), 1)))
    thin = int(np.prod([len(space.parameters[at]) for at in columns], dtype=object)) > most
    choices = [
        np.unique(np.linspace(0, len(space.parameters[at]) - 1, longest).astype(np.int64))
        if thin and len(space.parameters[at]) > longest
        else np.arange(len(space.parameters[at]))
        for at in columns
    ]
    grids = np.meshgrid(*choices, indexing="ij")
    rows = np.zeros((grids[0].size if grids else 1, len(space.parameters)), dtype=np.int64)
    for column, grid in zip(columns, grids, strict=True):
        rows[:, column] = grid.ravel()
    return rows


def _arrays(space: Space) -> tuple[IntColumn, FloatColumn]:
    """Rows of every array of a space, and the log of its MAC units."""
    rows = _grid(space, _columns(space, ARRAY), MOST_ARRAYS)
    return rows, np.log(space.designs(rows).macs_per_cycle.astype(np.float64))


def _combinations(space: Space, draw: np.random.Generator) -> IntColumn:
    rows = _grid(space, _columns(space, ("memory", "precision", "node")), 4096)
    return rows if len(rows) <= MOST_COMBINATIONS else rows[draw.permutation(len(rows))[:MOST_COMBINATIONS]]


def _curve(
    workload: Workload, space: Space, draw: np.random.Generator
) -> tuple[FloatColumn, FloatColumn, FloatColumn, FloatColumn] | None:
    """Log on-chip bytes, log off-chip bytes at them by scenario, and each scenario's MACs and weight; None if nothing runs."""
    (column,) = _columns(space, ("sram",))
    sizes = np.unique(np.linspace(0, len(space.parameters[column]) - 1, MOST_SIZES).astype(np.int64))
    axes = Axes.of(space)
    homes = axes.of_unit_cube(draw.random((LEVELS, len(axes.columns))))
    rows = np.repeat(homes, len(sizes), axis=0)
    rows[:, column] = np.tile(sizes, len(homes))
    metrics = score(workload, space, rows).metrics
    runs = np.isfinite(metrics.latency_s).all(axis=1).reshape(len(homes), len(sizes))
    if not runs.any():
        return None
    home = int(np.argmax(runs.sum(axis=1)))
    good = home * len(sizes) + np.flatnonzero(runs[home])
    logs = np.log(np.array([float(value) for value in space.parameters[column].values])[sizes[runs[home]]])
    macs = np.broadcast_to(metrics.of_runs(metrics.work.macs), metrics.latency_s.shape)[good[-1]]
    moved = np.log(np.maximum(metrics.dram_bytes[good], 1.0))
    return logs, moved, np.maximum(macs, 1.0).astype(np.float64), metrics.work.weight
