"""Random small networks, and the least traffic of one by trying every choice of tensors (and weights) to keep on chip.

Written from cost_model.md section 4, without the dynamic programme: lifetimes are read off the steps, every subset is priced.
"""

from __future__ import annotations

import itertools
import random

import numpy as np

from dse.model.graph import Graph
from dse.model.residency import plan
from dse.model.stages import Storage, Streaming, stage_traffic
from dse.workload.network import INPUT, Lowered, Step, Tensor
from dse.workload.operations import Gemm, TensorOperation, VectorOperation

BITS = 8
CAPACITIES = (3, 8, 13, 21, 34, 55, 89, 144)


def storage(capacities, buffers=1) -> Storage:
    return Storage(usable_bytes=np.array(capacities), buffers=np.full(len(capacities), buffers))


def equals_the_exhaustive_minimum(seeds, streaming: Streaming, *, buffers=1, longest_gap=None, most_tasks=6) -> None:
    """The plan of every random network moves, to the byte, what the best of all choices moves."""
    for seed in seeds:
        lowered = random_network(seed, most_tasks=most_tasks)
        graph = Graph.of(lowered, host=streaming.network_io == "host", longest_gap=longest_gap)
        found = plan(graph, storage(CAPACITIES, buffers), streaming)
        tried = Enumeration(lowered, streaming, longest_gap=longest_gap)
        expected = [tried.least(capacity, buffers) for capacity in CAPACITIES]
        np.testing.assert_array_equal(found.total_bytes, expected, err_msg=f"network {seed}")
        assert longest_gap is not None or streaming.weights == "resident" or (found.gap_fraction == 0).all()


def random_network(seed: int, most_tasks: int = 6) -> Lowered:
    """Matrix products on one to three earlier tensors side by side, sums of two, and activations that ride on a product."""
    draw = random.Random(seed)
    rows = draw.randint(1, 4)
    widths = {INPUT: draw.randint(1, 6)}
    steps: list[Step] = []
    for index in range(draw.randint(2, most_tasks)):
        name = f"t{index}"
        pairs = [(a, b) for a, b in itertools.combinations(widths, 2) if widths[a] == widths[b]]
        if pairs and draw.random() < 0.3:
            reads = draw.choice(pairs)
            widths[name] = widths[reads[0]]
            moved = rows * widths[name] * BITS
            work = VectorOperation(elements=rows * widths[name], ops_per_element=1, read_bits=2 * moved, written_bits=moved)
        else:
            reads = tuple(draw.sample(list(widths), k=min(len(widths), draw.choice((1, 1, 1, 2, 3)))))
            widths[name] = draw.choice((1, 2, 3, 3, 4, 8))
            work = Gemm(m=rows, n=widths[name], k=sum(widths[tensor] for tensor in reads)).with_bits(
                input=BITS, weight=BITS, output=BITS, accumulator=draw.choice((8, 32))
            )
        steps.append(Step(name=name, layer=name, kind="linear", operation=work, inputs=reads, output=name))
        if isinstance(work, TensorOperation) and draw.random() < 0.2:
            ride = VectorOperation(elements=rows * widths[name], ops_per_element=1, fused=True)
            steps.append(Step(name=f"{name}.act", layer=name, kind="activation", operation=ride, inputs=(name,), output=name))
    tensors = tuple(Tensor(name=name, elements=rows * width, bits=BITS) for name, width in widths.items())
    return Lowered(steps=tuple(steps), tensors=tensors)


class Enumeration:
    """Every choice of what stays on chip, one by one; `choices` counts them."""

    def __init__(self, lowered: Lowered, streaming: Streaming, longest_gap: int | None = None) -> None:
        self.graph = Graph.of(lowered, host=streaming.network_io == "host", longest_gap=longest_gap)
        self.longest_gap = longest_gap
        self.streaming = streaming
        self.choices = 0
        self.lives = self._lifetimes(lowered)

    def _lifetimes(self, lowered: Lowered) -> dict[tuple[str, int], tuple[int, int, int]]:
        """Tensor and where a life of it begins -> first and last task that touches it, and its bits."""
        touched: dict[str, list[int]] = {}
        for index, task in enumerate(self.graph.tasks):
            for step in task.steps:
                for name in (*step.inputs, step.output):
                    touched.setdefault(name, []).append(index)
        bits = {tensor.name: tensor.elements * tensor.bits for tensor in lowered.tensors}
        host = self.streaming.network_io == "host"
        made = {step.output for task in self.graph.tasks for step in task.steps}
        outside = {name for name, at in touched.items() if name not in made or at[0] == at[-1]}
        lives = {}
        for name, at in touched.items():
            far = [i for i in range(1, len(at)) if self.longest_gap is not None and at[i] - at[i - 1] > self.longest_gap]
            for begin, end in itertools.pairwise([0, *far, len(at)]):
                first, last = at[begin], at[end - 1]
                if first < last or (host and name in outside):
                    lives[name, first] = (first, last, bits[name])
        return lives

    def least(self, usable_bytes: int, buffers: int) -> float:
        """The least bytes that any choice moves; infinite where no task can run."""
        names = list(self.lives)
        weights = [index for index, stage in enumerate(self.graph.stages) if stage.weight_bytes]
        serving = self.streaming.weights == "resident"
        best = np.inf
        for kept in _subsets(names):
            for stay in _subsets(weights) if serving else [()]:
                self.choices += 1
                best = min(best, self._price(set(kept), set(stay), usable_bytes, buffers))
        return best

    def _price(self, kept: set[tuple[str, int]], stay: set[int], usable_bytes: int, buffers: int) -> float:
        reserve = sum(self.graph.stages[index].weight_bytes for index in stay)
        total = 0.0
        for index, (stage, numbers) in enumerate(zip(self.graph.stages, self.graph.numbers, strict=True)):
            here = [name for name in kept if self.lives[name][0] <= index <= self.lives[name][1]]
            taken = -(-sum(self.lives[name][2] for name in here) // 8) + reserve
            left = Storage(usable_bytes=np.array([usable_bytes - taken]), buffers=np.array([buffers]))
            local = [place for place, number in enumerate(numbers) if number >= 0 and self._life(number) in kept]
            total += stage_traffic(stage, local, left, self.streaming, weights_stay=index in stay).sum()
        return total

    def _life(self, number: int) -> tuple[str, int]:
        life = self.graph.lives[number]
        return life.name, life.begin


def _subsets(items):
    return itertools.chain.from_iterable(itertools.combinations(items, size) for size in range(len(items) + 1))
