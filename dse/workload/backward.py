"""The backward pass of a lowered network: its steps in reverse, each with what makes the gradients of its operands.

*Tensor operations* become one nest for each gradient (`dse.workload.gradients`): the weight's, or the second factor's, and then
the input's, so that what comes next can ride on it. What depends on no weight, such as a network's input, has no gradient.

*Vector operations* do as many operations as forward. They read the gradient of their result and what `Gradient` says of the
forward pass, and write as many bytes as forward they read. One that rode on a tensor operation rides again where that operation's
gradient has just been made and is read by nothing else; batch normalisation first needs sums over the whole batch, so it
never rides and reads everything twice. What was changed in place is not kept in its earlier form: an activation and a batch
normalisation go back from the result alone (Rota Bulò et al., "In-Place Activated BatchNorm for Memory-Optimized Training of
DNNs", CVPR 2018), so memory is that of a frugal implementation.

*Sums.* The gradient of a tensor with several readers is the sum of their contributions. A contribution fills what is still
empty (queries, keys and values are parts of one tensor) and is added to what is not, on the stream of the operation that makes
it: this reads the earlier sum, and writes nothing more. The sum of a residual connection hands its gradient on as it is.

*Recurrence.* The input gradient of the recurrent product runs step by step and the gates ride on it; the gradients of the gates
of all T steps are then there for one weight gradient. The forward pass keeps the gates and the states of every step.

*Embedding.* A look-up's gradient is sparse: each row of the table that was looked up gets the sum of its tokens' gradients. At
most min(tokens, vocabulary) rows are touched, and as many are assumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dse.workload.gradients import input_gradient, weight_gradient
from dse.workload.layers import Embedding
from dse.workload.network import Lowered, Step, Tensor, operands_of
from dse.workload.operations import Operation, Role, TensorOperation, VectorOperation
from dse.workload.products import Learned


@dataclass(frozen=True, slots=True, kw_only=True)
class BackwardStep:
    """A step of the backward pass, and the index of the forward step that it belongs to."""

    forward: int
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class BackwardPass:
    """Steps in order of execution, and the tensors that they make; those of role "gradient" are of weights."""

    steps: tuple[BackwardStep, ...]
    tensors: tuple[Tensor, ...]


def backward(forward: Lowered, embeddings: Mapping[str, Embedding | Learned]) -> BackwardPass:
    """The gradients of all weights, from the loss on; `embeddings` holds the embedding layers by name."""
    lowering = _Backward(forward, embeddings)
    lowering.run()
    return BackwardPass(steps=tuple(lowering.steps), tensors=tuple(lowering.tensors.values()))


def final_tensors(steps: Sequence[Step]) -> tuple[str, ...]:
    """What no other step reads: the results of the network."""
    read = {name for step in steps for name in step.inputs if name != step.output}
    return tuple(dict.fromkeys(step.output for step in steps if step.output not in read))


@dataclass(frozen=True, slots=True)
class _Gradient:
    """The tensors that together hold a gradient, how many of its elements they fill, and whether others read them too."""

    names: tuple[str, ...]
    filled: int
    shared: bool = False


class _Backward:
    """The backward pass so far."""

    def __init__(self, forward: Lowered, embeddings: Mapping[str, Embedding | Learned]) -> None:
        self.steps: list[BackwardStep] = []
        self.tensors: dict[str, Tensor] = {}
        self._forward = forward.steps
        self._made = {tensor.name: tensor for tensor in forward.tensors}
        self._embeddings = embeddings
        self._trained = _trained(forward.steps, embeddings)
        self._gradients: dict[str, _Gradient] = {}
        self._named = Counter[str]()
        self._index = len(forward.steps) - 1

    def run(self) -> None:
        """The loss, then every forward step from the last to the first."""
        for number, name in enumerate((name for name in final_tensors(self._forward) if name in self._trained), start=1):
            self._loss(self._made[name], "loss" if number == 1 else f"loss.{number}")
        for index in reversed(range(len(self._forward))):
            step = self._forward[index]
            self._index = index
            if step.output not in self._gradients:
                continue
            if isinstance(step.operation, TensorOperation):
                self._product(step, step.operation)
            elif step.layer in self._embeddings:
                self._look_up(step, step.operation, self._embeddings[step.layer])
            elif (recurrent := self._recurrent_before(index)) is not None:
                self._gates(step, step.operation, *recurrent)
            else:
                self._vector(step, step.operation)

    def _loss(self, result: Tensor, name: str) -> None:
        """The gradient of a loss with a target: a difference for each element of a result."""
        bits = result.elements * result.bits
        operation = VectorOperation(elements=result.elements, ops_per_element=1, read_bits=bits, written_bits=bits)
        gradient = self._tensor(f"{result.name}.gradient", result.elements, result.bits)
        step = Step(name=name, layer="loss", kind="loss", operation=operation, inputs=(result.name,), output=gradient)
        self.steps.append(BackwardStep(forward=self._index, step=step))
        self._gradients[result.name] = _Gradient((gradient,), result.elements)

    def _tensor(self, base: str, elements: int, bits: int, role: Role = "activation") -> str:
        """Name of a new tensor."""
        name, number = base, 1
        while name in self.tensors or name in self._made:
            number += 1
            name = f"{base}.{number}"
        self.tensors[name] = Tensor(name=name, elements=elements, bits=bits, role=role)
        return name

    def _emit(self, of: Step, suffix: str, operation: Operation, inputs: Sequence[str], output: str) -> None:
        name = f"{of.name}.{suffix}"
        self._named[name] += 1
        step = Step(
            name=name if self._named[name] == 1 else f"{name}.{self._named[name]}",
            layer=of.layer,
            kind=of.kind,
            operation=operation,
            inputs=tuple(dict.fromkeys(inputs)),
            output=output,
        )
        self.steps.append(BackwardStep(forward=self._index, step=step))

    def _product(self, step: Step, operation: TensorOperation) -> None:
        """A nest for each operand whose gradient is wanted."""
        above = self._gradients[step.output].names
        left, right = operands_of(step, self._made)
        by_state = operation.input_role == "state" and not left
        nest = weight_gradient(operation)
        if operation.weight_role == "weight":
            name = self._tensor(f"{step.name}.weight_gradient", operation.weight_elements, operation.weight_bits, "gradient")
            self._emit(step, "weight_gradient", nest, (*(left or (step.output,)), *above), name)
        elif self._are_trained(right):
            self._give(step, "second_gradient", nest, (*left, *above), right)
        if self._are_trained(left) and not by_state:
            self._give(step, "input_gradient", input_gradient(operation), (*above, *right), left)

    def _are_trained(self, names: Sequence[str]) -> bool:
        return not self._trained.isdisjoint(names)

    def _give(
        self, step: Step, suffix: str, operation: Operation, inputs: Sequence[str], targets: Sequence[str], elements: int = 0
    ) -> None:
        """Emit an operation that makes the gradient of `targets`, and add it to what is there of them."""
        if isinstance(operation, TensorOperation):
            elements = operation.output_elements * operation.repeats
        whole = sum(self._made[name].elements for name in targets)
        elements, bits = min(elements, whole), self._made[targets[0]].bits
        if len(targets) == 1 and elements < whole:
            name, inputs = self._place(targets[0], inputs)
        else:
            name = self._tensor(f"{step.name}.{suffix}", elements, bits)
        self._emit(step, suffix, operation, inputs, name)
        added, earlier = 0, list[str]()
        for target in targets:
            if target not in self._trained:
                continue
            size = self._made[target].elements
            part = elements * size // whole
            before = self._gradients.get(target, _Gradient((), 0))
            overlap = max(before.filled + part - size, 0)
            if overlap:
                added += overlap
                earlier += before.names
            names = (name,) if part == size else tuple(dict.fromkeys((*before.names, name)))
            self._gradients[target] = _Gradient(names, min(before.filled + part, size), before.shared and len(names) > 1)
        if added:
            total = VectorOperation(elements=added, ops_per_element=1, read_bits=added * bits, fused=True)
            self._emit(step, f"{suffix}.sum", total, (name, *earlier), name)

    def _place(self, target: str, inputs: Sequence[str]) -> tuple[str, Sequence[str]]:
        """The tensor that parts of a gradient are written into, and what a step that writes there names as its inputs."""
        made, before = self._made[target], self._gradients.get(target)
        if before is not None and not before.shared and self.tensors[before.names[-1]].elements >= made.elements:
            return before.names[-1], (*inputs, before.names[-1])
        return self._tensor(f"{target}.gradient", made.elements, made.bits), inputs

    def _vector(self, step: Step, operation: VectorOperation) -> None:
        match operation.gradient:
            case "handed_on":
                self._hand_on(step, operation)
            case "operands":
                self._multiply(step, operation)
            case _:
                self._function(step, operation)

    def _function(self, step: Step, operation: VectorOperation) -> None:
        """An activation, a normalisation, a softmax, a pooling."""
        result, above = self._made[step.output], self._gradients[step.output]
        out, operands = result.elements * result.bits, _operand_bits(operation, result)
        saved, names = {
            "result": (out, (step.output,)),
            "statistics": (out, (step.output,)),
            "largest": (out + operands, (*step.inputs, step.output)),
            "linear": (0, ()),
        }[operation.gradient]
        in_place = step.output in step.inputs
        passes = 2 if operation.gradient == "statistics" else 1
        rides = passes == 1 and operation.fused and self._streams(above, result)
        work = VectorOperation(
            elements=operation.elements,
            ops_per_element=operation.ops_per_element,
            read_bits=saved if rides else passes * (saved + out),
            written_bits=0 if rides and in_place else operands,
            fused=rides,
            repeats=operation.repeats,
        )
        inputs = (*above.names, *names)
        if not in_place:
            targets = tuple(name for name in step.inputs if name in self._trained)
            self._give(step, "backward", work, inputs, targets, operands // result.bits)
            return
        alone = len(above.names) == 1 and not above.shared
        name = above.names[0] if alone else self._tensor(f"{step.name}.gradient", result.elements, result.bits)
        self._emit(step, "backward", work, inputs, name)
        self._gradients[step.output] = _Gradient((name,), result.elements)

    def _streams(self, gradient: _Gradient, result: Tensor) -> bool:
        """Whether the step just before makes this gradient, all of it and nothing else, on a stream."""
        before = self.steps[-1].step
        streams = isinstance(before.operation, TensorOperation) or before.operation.fused
        name = before.output
        return streams and gradient.names == (name,) and self.tensors[name].elements == result.elements and not gradient.shared

    def _multiply(self, step: Step, operation: VectorOperation) -> None:
        """The gradient of each factor: that of the product times the other factors, summed where the factor was spread.

        A factor that the product overwrote is the product over the others. Where tensors make up a factor side by side, each has
        the part of the product that it met.
        """
        result, above = self._made[step.output], self._gradients[step.output]
        factors = round(operation.ops_per_element + 1)
        in_parts = sum(self._made[name].elements for name in step.inputs) == factors * result.elements
        for number, name in enumerate(step.inputs, start=1):
            if name not in self._trained:
                continue
            own, suffix = self._made[name], "backward" if number == 1 else f"backward.{number}"
            others = tuple(other for other in step.inputs if other != name)
            read = sum(tensor.elements * tensor.bits for tensor in (result, *(self._made[other] for other in others)))
            if in_parts:
                read = factors * own.elements * own.bits
            work = VectorOperation(
                elements=own.elements if in_parts else operation.elements,
                ops_per_element=operation.ops_per_element,
                read_bits=read,
                written_bits=own.elements * own.bits,
            )
            inputs = (*above.names, *others)
            if name == step.output:
                made = self._tensor(f"{step.name}.gradient", own.elements, own.bits)
                self._emit(step, suffix, work, inputs, made)
                self._gradients[name] = _Gradient((made,), own.elements)
            else:
                self._give(step, suffix, work, inputs, (name,), own.elements)

    def _hand_on(self, step: Step, operation: VectorOperation) -> None:
        """A sum: its operands share its gradient; one that was spread gets the sum over what it was spread on."""
        result, above = self._made[step.output], self._gradients[step.output]
        sizes = {name: self._made[name].elements for name in step.inputs}
        spread = sum(sizes.values()) < round(operation.ops_per_element + 1) * result.elements
        sharing = sum(name in self._trained and not (spread and size < result.elements) for name, size in sizes.items()) > 1
        if step.output in sizes:
            self._gradients[step.output] = replace(above, shared=above.shared or sharing)
        for name, size in sizes.items():
            if name == step.output or name not in self._trained:
                continue
            if spread and size < result.elements:
                own = self._made[name]
                work = VectorOperation(
                    elements=result.elements,
                    ops_per_element=1,
                    read_bits=result.elements * result.bits,
                    written_bits=own.elements * own.bits,
                )
                self._give(step, "backward", work, above.names, (name,), size)
            else:
                self._share(step, self._made[name], replace(above, shared=above.shared or sharing))

    def _share(self, step: Step, target: Tensor, gradient: _Gradient) -> None:
        """Give `target` a gradient that is there; where it has one already, add the two."""
        before = self._gradients.get(target.name)
        if before is None:
            self._gradients[target.name] = replace(gradient, filled=target.elements)
            return
        bits = target.elements * target.bits
        work = VectorOperation(elements=target.elements, ops_per_element=1, read_bits=2 * bits, written_bits=bits)
        alone = len(before.names) == 1 and not before.shared
        name = before.names[0] if alone else self._tensor(f"{target.name}.gradient", target.elements, target.bits)
        self._emit(step, "backward.sum", work, (*gradient.names, *before.names), name)
        self._gradients[target.name] = _Gradient((name,), target.elements)

    def _look_up(self, step: Step, operation: VectorOperation, layer: Embedding | Learned) -> None:
        """The rows that were looked up, each with the sum of the gradients of its tokens."""
        result = self._made[step.output]
        rows = min(operation.elements // layer.features, layer.vocabulary)
        elements, bits = rows * layer.features, operation.read_bits // operation.elements
        work = VectorOperation(
            elements=operation.elements,
            ops_per_element=1,
            read_bits=result.elements * result.bits,
            written_bits=elements * bits,
        )
        name = self._tensor(f"{step.name}.weight_gradient", elements, bits, "gradient")
        self._emit(step, "weight_gradient", work, self._gradients[step.output].names, name)

    def _recurrent_before(self, index: int) -> tuple[Step, TensorOperation] | None:
        """The recurrent product that the step at `index` is the gates of."""
        before = self._forward[index - 1] if index else None
        if before is None or before.output != self._forward[index].output:
            return None
        operation = before.operation
        return (before, operation) if isinstance(operation, TensorOperation) and operation.input_role == "state" else None

    def _gates(self, step: Step, operation: VectorOperation, recurrent: Step, product: TensorOperation) -> None:
        """Back through time: the recurrent product's input gradient step by step, and the gates' gradient on its stream."""
        above, bits = self._gradients[step.output].names, product.output_bits
        name = self._tensor(f"{step.name}.gradient", product.output_elements * product.repeats, bits)
        self._emit(recurrent, "input_gradient", input_gradient(product), above, name)
        work = replace(
            operation,
            read_bits=operation.read_bits + states_of(step) * operation.elements * bits,
            written_bits=product.output_elements * bits,
        )
        self._emit(step, "backward", work, (name, *step.inputs), name)
        for target in step.inputs:
            self._gradients[target] = _Gradient((name,), self._made[target].elements)


def states_of(gates: Step) -> int:
    """Numbers that each cell keeps for its backward pass besides its gates: its state, and an LSTM the inner one too."""
    return 2 if gates.kind == "lstm" else 1


def _operand_bits(operation: VectorOperation, result: Tensor) -> int:
    """What the operation takes in: all that it reads off chip, and the stream that it rides on."""
    return operation.read_bits + (operation.elements * result.bits if operation.fused else 0)


def _trained(steps: Sequence[Step], embeddings: Mapping[str, Embedding | Learned]) -> set[str]:
    """Tensors that depend on a weight."""
    trained: set[str] = set()
    for step in steps:
        weighted = isinstance(step.operation, TensorOperation) and step.operation.weight_role == "weight"
        if weighted or step.layer in embeddings or not trained.isdisjoint(step.inputs):
            trained.add(step.output)
    return trained
