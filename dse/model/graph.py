"""A lowered network as residency sees it: tasks in order of execution, and the tensors that may stay on chip between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dse.model.stages import Stage, stage_of
from dse.model.tasks import Task, tasks
from dse.workload.network import Lowered


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A tensor that may stay on chip: tasks `begin` (makes it, or reads it first) to `end` (uses it last).

    One that lives again later, or lived before, lies in DRAM as well: its `through` life spares reads alone.
    """

    name: str
    bits: int
    begin: int
    end: int
    through: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A lowered network as tasks, their stages, and the tensors that may stay.

    `numbers` are those of each stage's tensors in `lives`, or -1 for one that cannot stay.
    """

    tasks: tuple[Task, ...]
    stages: tuple[Stage, ...]
    numbers: tuple[tuple[int, ...], ...]
    lives: tuple[Live, ...]

    @classmethod
    def of(cls, lowered: Lowered, *, host: bool = False, longest_gap: int | None = None) -> Graph:
        """The graph of a network; a tensor that nothing reads later leaves the chip.

        States (a KV cache), weights and their gradients lie in DRAM. With a `host`, what the network is given and what it answers
        come and go over a link of their own, and are on chip while a task works on them. A tensor that no task touches for more
        than `longest_gap` tasks has a life on each side: it is written before, and loaded after.
        """
        groups = tasks(lowered)
        reads = [_external_reads(task) for task in groups]
        made: dict[str, int] = {}
        touched: dict[str, list[int]] = {}
        read_by_others: set[str] = set()
        for index, task in enumerate(groups):
            for name in {*reads[index], *(step.output for step in task.steps)}:
                touched.setdefault(name, []).append(index)
            read_by_others |= {name for name in reads[index] if name in made or name not in (s.output for s in task.steps)}
            for step in task.steps:
                made.setdefault(step.output, index)
        lives: list[Live] = []
        for tensor in lowered.tensors:
            bits, at = tensor.elements * tensor.bits, touched.get(tensor.name, [])
            if tensor.role != "activation" or not bits or not at:
                continue
            outer = tensor.name not in made or tensor.name not in read_by_others
            for first, last in _segments(at, longest_gap):
                if first < last or (host and outer):
                    through = last < at[-1] or first > at[0]
                    lives.append(Live(name=tensor.name, bits=bits, begin=first, end=last, through=through))
        by_name: dict[str, list[int]] = {}
        for number, life in enumerate(lives):
            by_name.setdefault(life.name, []).append(number)
        answers = {name for name in made if name not in read_by_others} if host else set[str]()
        stages: list[Stage] = []
        numbers: list[tuple[int, ...]] = []
        for index, task in enumerate(groups):
            here = {
                name: number
                for name, of_name in by_name.items()
                for number in of_name
                if lives[number].begin <= index <= lives[number].end
            }
            stage, names = stage_of(
                task,
                lowered,
                alive_after={name for name, number in here.items() if lives[number].end > index} | answers,
                loaded={
                    name
                    for name in reads[index] & here.keys()
                    if lives[here[name]].begin == index and (made.get(name, -1) != index) and not (host and name not in made)
                },
                through={name for name, number in here.items() if lives[number].through},
            )
            stages.append(stage)
            numbers.append(tuple(here.get(name, -1) for name in names))
        return cls(tasks=groups, stages=tuple(stages), numbers=tuple(numbers), lives=tuple(lives))


def _segments(touched: Sequence[int], longest_gap: int | None) -> Iterator[tuple[int, int]]:
    """First and last of tasks that follow each other closely."""
    first = last = touched[0]
    for at in touched[1:]:
        if longest_gap is not None and at - last > longest_gap:
            yield first, last
            first = at
        last = at
    yield first, last


def _external_reads(task: Task) -> set[str]:
    """Tensors that a task reads and does not make before; work in place on what an earlier task made reads it too."""
    reads: set[str] = set()
    made: set[str] = set()
    for step in task.steps:
        reads |= {name for name in step.inputs if name not in made}
        made.add(step.output)
    return reads
