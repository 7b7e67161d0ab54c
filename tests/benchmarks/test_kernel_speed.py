"""Layer evaluations a second of the kernel, next to what two cores could do at most.

A layer evaluation is one row of the ledger for one design: 17 floating-point operations (2 products and a sum for cycles and
weights, a product for vector work, a maximum, a product for memory, a maximum, and product and sum for each of five totals).
The most that a core can do is one vector operation of `LANES` numbers in each cycle on each of `PORTS` ports.
"""

import time
from pathlib import Path

import numba
import numpy as np
import pytest

import dse
from dse.model import evaluate, kernel
from dse.model.work import work_of

OPERATIONS = 17
PORTS = 2
DESIGNS = 200_000


def machine():
    """Numbers in a vector and Hz, as the system tells them."""
    text = Path("/proc/cpuinfo").read_text()
    lanes = 8 if "avx512f" in text else 4 if "avx2" in text else 2
    clock = [float(line.partition(":")[2]) for line in text.splitlines() if line.startswith("cpu MHz")]
    return lanes, 1e6 * float(np.mean(clock)) if clock else float("nan")


@pytest.mark.parametrize(("workload", "space"), [("speech", "edge"), ("vision", "edge"), ("speech", "datacenter")])
def test_layer_evaluations_a_second(monkeypatch, workload, space):
    work, home = work_of(dse.load_workload(workload)), dse.load_space(space)
    designs = home.designs(home.random_indices(DESIGNS, seed=0))
    walked, seconds = [], []
    walk = kernel.walk

    def timed(*arguments):
        start, storage = arguments[6], arguments[1]
        begin, busy = time.perf_counter(), time.process_time()
        walk(*arguments)
        seconds.append((time.perf_counter() - begin, time.process_time() - busy))
        walked.append(int((start[:, -1] - start[:, 0])[storage].sum()))

    evaluate.evaluate_designs(work, designs.take(slice(0, 1000)), home)
    monkeypatch.setattr(evaluate.kernel, "walk", timed)
    for _ in range(3):
        evaluate.evaluate_designs(work, designs, home)
    rows = walked[-1]
    wall, busy = (min(each[at] for each in seconds) for at in (0, 1))
    lanes, clock_hz = machine()
    cores = numba.get_num_threads()
    at_most = cores * lanes * PORTS * clock_hz / OPERATIONS
    rate = rows / (busy / cores)
    print(
        f"{workload} on {space}: {rows / DESIGNS:.0f} layers a design, {rows / wall:.3g} layer evaluations a second by the clock,"
        "\n"
        f"{rate:.3g} by the time that {cores} cores worked; {cores} cores x {lanes} lanes x {PORTS} ports x "
        f"{clock_hz / 1e9:.2f} GHz / {OPERATIONS} operations = {at_most:.3g} at most:\n"
        f"{rate / at_most:.1%}, {clock_hz * cores / rate:.1f} cycles a layer"
    )
    assert rate > 1e7
