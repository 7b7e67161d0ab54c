"""The layers of a builder while they are tidied: who reads whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dse.inputs.joining.emitted import Emitted
from dse.workload.shapes import Shape


class Layers:
    """The layers by number, and which are results of the network.

    What a layer reads is changed by `rewire`, so that who reads it is always known.
    """

    def __init__(self, by_number: Mapping[int, Emitted], results: Iterable[int], inputs: Mapping[int, tuple[str, Shape]]) -> None:
        self.by_number = dict(by_number)
        self.results = list(results)
        self._inputs = inputs
        self._readers: dict[int, dict[int, None]] = {}
        for layer in self.by_number.values():
            self._read(layer)

    def _read(self, layer: Emitted) -> None:
        for source in layer.sources:
            self._readers.setdefault(source, {})[layer.number] = None

    def shape(self, number: int) -> Shape:
        """The shape of a layer's result, or of an input."""
        return self._inputs[number][1] if number < 0 else self.by_number[number].shape

    def readers(self, number: int) -> list[Emitted]:
        """Layers that read a layer."""
        return [self.by_number[reader] for reader in self._readers.get(number, ())]

    def sole_reader(self, number: int, *, handed_out: bool = False) -> Emitted | None:
        """The one layer that reads a layer, and reads it once; None if the layer is a result, unless that may be `handed_out`."""
        readers = self.readers(number)
        is_kept = number in self.results and not handed_out
        once = len(readers) == 1 and not is_kept and readers[0].sources.count(number) == 1
        return readers[0] if once else None

    def rewire(self, layer: Emitted, reads: Sequence[int], memory: int | None = None) -> None:
        """Let a layer read others."""
        for source in layer.sources:
            self._readers.get(source, {}).pop(layer.number, None)
        layer.reads, layer.memory = list(reads), memory
        self._read(layer)

    def remove(self, number: int) -> None:
        """Take a layer away."""
        layer = self.by_number.pop(number)
        for source in layer.sources:
            self._readers.get(source, {}).pop(number, None)

    def replace(self, old: int, new: int) -> None:
        """Let whatever reads one layer read another; the old one goes."""
        if old in self.by_number:
            self.remove(old)
        for reader in self.readers(old):
            memory = new if reader.memory == old else reader.memory
            self.rewire(reader, [new if source == old else source for source in reader.reads], memory)
        self.results = [new if number == old else number for number in self.results]
