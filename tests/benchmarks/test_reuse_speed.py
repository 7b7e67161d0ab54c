"""Time to compute reuse curves from cold; run with `pytest tests/benchmarks`."""

import subprocess
import sys
import time

import numpy as np
import pytest

from dse.workload.operations import Conv2d, Gemm, TensorOperation

RESNET50_STAGES = ((56, 64, 64, 3, 1), (28, 256, 128, 4, 2), (14, 512, 256, 6, 2), (7, 1024, 512, 3, 2))
VGG16 = ((224, 3, 64), (224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256), (56, 256, 256), (56, 256, 256))
VGG16_DEEP = ((28, 256, 512), (28, 512, 512), (28, 512, 512), (14, 512, 512), (14, 512, 512), (14, 512, 512))

FROM_COLD = """
import time
start = time.process_time()
import numpy as np
from dse.model.reuse import reuse_curve
from test_reuse_speed import {network}
operations = [operation for batch in {batches} for operation in {network}(batch)]
capacities = 2 ** np.arange(10, 25)
table = [reuse_curve(operation).at(capacities) for operation in operations]
print(time.process_time() - start)
"""


def resnet50(batch: int) -> list[TensorOperation]:
    """He et al. 2016, the 53 convolutions and the classifier, with the stride on the 3 x 3 (the usual v1.5)."""
    layers = [Conv2d(n=batch, k=64, c=3, p=112, q=112, r=7, s=7, stride=2, padding=3)]
    for size, entry, width, blocks, stride in RESNET50_STAGES:
        layers.append(Conv2d(n=batch, k=4 * width, c=entry, p=size, q=size, r=1, s=1, stride=stride))
        for block in range(blocks):
            step = stride if block == 0 else 1
            wide = size * step
            layers += [
                Conv2d(n=batch, k=width, c=entry if block == 0 else 4 * width, p=wide, q=wide, r=1, s=1),
                Conv2d(n=batch, k=width, c=width, p=size, q=size, r=3, s=3, stride=step, padding=1),
                Conv2d(n=batch, k=4 * width, c=width, p=size, q=size, r=1, s=1),
            ]
    return [*layers, Gemm(m=batch, n=1000, k=2048)]


def vgg16(batch: int) -> list[TensorOperation]:
    """Simonyan and Zisserman 2014, configuration D."""
    layers = [Conv2d(n=batch, k=k, c=c, p=size, q=size, r=3, s=3, padding=1) for size, c, k in (*VGG16, *VGG16_DEEP)]
    return [*layers, *(Gemm(m=batch, n=n, k=k) for n, k in ((4096, 25088), (4096, 4096), (1000, 4096)))]


@pytest.mark.parametrize(("network", "batches", "limit_s"), [("resnet50", (1, 8, 32), 2.0), ("vgg16", (1, 64), 3.0)])
def test_all_curves_of_a_network_from_cold(network, batches, limit_s):
    script = FROM_COLD.format(network=network, batches=batches)
    search = f"import sys; sys.path[:0] = {sys.path!r} + [{__file__.rpartition('/')[0]!r}]\n"
    done = subprocess.run([sys.executable, "-c", search + script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < limit_s


def test_look_ups_are_fast():
    from dse.model.reuse import reuse_curve

    curve = reuse_curve(Conv2d(k=64, c=64, p=56, q=56, r=3, s=3, padding=1))
    capacities = np.arange(1, 1_000_001, dtype=np.int64)
    start = time.process_time()
    curve.at(capacities)
    assert time.process_time() - start < 0.5
