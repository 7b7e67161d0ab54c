"""Checkpointing: what is kept of the forward pass, and what the backward pass recomputes segment by segment.

The layers are cut into segments of k. What a later segment reads, and the network's results, is kept (a checkpoint); the rest is
forgotten once the forward pass has used it. Before its backward pass each segment runs forward once more from its checkpoints, as
far as its backward pass asks for: what is kept, and what no gradient reads, is not made again. The last segment is never
recomputed: its backward pass begins while all of it is there. Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016,
arXiv:1604.06174.

A layer here is what can be recomputed on its own: a layer of the network with all that rides on it or changes it in place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dse.workload.backward import BackwardPass, final_tensors
from dse.workload.network import Lowered, Step, Tensor
from dse.workload.operations import VectorOperation

AGAIN = ".again"
"""How names of recomputed steps and tensors end."""


def layer_starts(steps: Sequence[Step]) -> tuple[int, ...]:
    """Index of the first step of each layer."""
    starts: list[int] = []
    made: set[str] = set()
    for index, step in enumerate(steps):
        rides = isinstance(step.operation, VectorOperation) and step.operation.fused
        if index == 0 or (step.layer != steps[index - 1].layer and not rides and step.output not in made):
            starts.append(index)
        made.add(step.output)
    return tuple(starts)


def recomputed(forward: Lowered, backward: BackwardPass, every: int) -> Lowered:
    """Forward and backward pass with a checkpoint after every `every` layers."""
    run = _Run(forward, layer_starts(forward.steps)[::every])
    steps = list(forward.steps)
    tensors = [*forward.tensors, *backward.tensors]
    for segment in reversed(range(len(run.starts))):
        back = [entry.step for entry in backward.steps if run.segment_of(entry.forward) == segment]
        if segment == len(run.starts) - 1:
            steps += back
            continue
        again = run.again(segment, {name for step in back for name in step.inputs})
        steps += again
        names = {step.output.removesuffix(AGAIN): step.output for step in again}
        steps += [replace(step, inputs=_renamed(step.inputs, names)) for step in back]
        tensors += [replace(run.tensors[old], name=new) for old, new in names.items()]
    return Lowered(steps=tuple(steps), tensors=tuple(tensors))


@dataclass(frozen=True, slots=True)
class _Run:
    """A forward pass cut into segments that begin at `starts`."""

    forward: Lowered
    starts: tuple[int, ...]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Tensors by name."""
        return {tensor.name: tensor for tensor in self.forward.tensors}

    def segment_of(self, index: int) -> int:
        """Which segment a step belongs to."""
        return bisect_right(self.starts, index) - 1

    def _own(self, segment: int) -> set[str]:
        """Tensors that a segment makes and that are not kept."""
        end = self.starts[segment + 1]
        later = {name for step in self.forward.steps[end:] for name in step.inputs}
        made = {step.output for step in self.forward.steps[self.starts[segment] : end]}
        return made - later - set(final_tensors(self.forward.steps))

    def again(self, segment: int, wanted: set[str]) -> list[Step]:
        """The steps of a segment that make what is wanted and not kept, under new names."""
        own = self._own(segment)
        wanted = wanted & own
        chosen: list[int] = []
        for index in reversed(range(self.starts[segment], self.starts[segment + 1])):
            step = self.forward.steps[index]
            if step.output in wanted:
                chosen.append(index)
                wanted |= own.intersection(step.inputs)
        chosen.reverse()
        names = {name: f"{name}{AGAIN}" for name in wanted}
        return [self._copy(index, index - 1 in chosen, names) for index in chosen]

    def _copy(self, index: int, follows: bool, names: Mapping[str, str]) -> Step:  # noqa: FBT001
        """A step under its new name; what rode on a step that is not made again reads that step's result."""
        step = self.forward.steps[index]
        operation = step.operation
        if isinstance(operation, VectorOperation) and operation.fused and not follows:
            bits = operation.elements * self.tensors[step.output].bits
            operation = replace(operation, fused=False, read_bits=operation.read_bits + bits)
        return replace(
            step,
            name=f"{step.name}{AGAIN}",
            operation=operation,
            inputs=_renamed(step.inputs, names),
            output=names[step.output],
        )


def _renamed(inputs: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(name, name) for name in inputs)
