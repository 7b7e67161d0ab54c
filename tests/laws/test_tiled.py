"""What tiles must do: never beat the peak, hold worked numbers, and add up the same in every path of the model."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.hardware.design import DATAFLOWS, FORMATS
from dse.hardware.parameters import completed
from dse.hardware.tiling import Tile, Tiling
from dse.inputs.spaces import load_design
from dse.model.breakdown import evaluate
from dse.model.evaluate import evaluate_designs
from dse.model.explain import explain_scenario
from dse.model.losses import ARRAY_PARTS, array_work
from dse.model.mapping import Arrays, array_table
from dse.model.work import work_of
from dse.search import pareto
from dse.search.exact import exact_front
from dse.search.front import losses_of, score
from dse.workload.kernels import convolution, gemm, recurrent
from dse.workload.operations import Gemm
from dse.workload.workload import Workload

LARGE, WIDE, SMALL = Tile(rows=128, cols=128), Tile(rows=128, cols=64), Tile(rows=32, cols=32, whole=True, units=64)


def machine(units=64, cores=56):
    one = np.array([1])
    return Arrays(
        rows=units * one,
        cols=one,
        cores=cores * one,
        dataflow=DATAFLOWS.index("ideal") * one,
        precision=FORMATS.index("fp32") * one,
    )


def tiling(*tiles, **more):
    return Tiling(**({"product": tiles, "convolution": tiles, "recurrent": tiles} | more))


def cycles(operation, tiles, **more):
    return float(array_table(machine(**more), [operation], tiling=tiles).cycles[0, 0])


def test_two_waves_worked_by_hand():
    """7,680 x 16 outputs are 60 tiles of 128 x 64 on 56 cores: two waves of 8,192 · 2,560 products on 64 units."""
    assert cycles(Gemm(m=16, n=7680, k=2560), tiling(WIDE)) == 2 * 128 * 64 * 2560 / 64


def test_parts_fill_idle_cores_and_are_added():
    """Four tiles on 56 cores are one wave; cut in four they are sixteen in one wave of a quarter the length, and the sums."""
    operation = Gemm(m=16, n=512, k=4096)
    whole = 128 * 64 * 4096 / 64
    assert cycles(operation, tiling(WIDE)) == whole
    assert cycles(operation, tiling(WIDE, splits=4)) == whole / 4 + 4 * 16 * 512 / (64 * 56)


def test_a_whole_tile_serves_only_what_it_divides_and_a_narrow_one_what_it_covers():
    both = tiling(WIDE, SMALL)
    assert cycles(Gemm(m=32, n=7680, k=2560), both) == -(-240 // 56) * 32 * 32 * 2560 / 64
    assert cycles(Gemm(m=16, n=7680, k=2560), both) == cycles(Gemm(m=16, n=7680, k=2560), tiling(WIDE))
    narrow = tiling(WIDE, Tile(rows=128, cols=4, narrow=True))
    assert cycles(Gemm(m=4, n=7680, k=2560), narrow) == 2 * 128 * 4 * 2560 / 64
    assert cycles(Gemm(m=5, n=7680, k=2560), narrow) == cycles(Gemm(m=5, n=7680, k=2560), tiling(WIDE))


def test_winograd_makes_sixteen_products_of_thirty_six():
    conv = convolution("fp32", batch=8, channels=64, height=56, width=56, filters=128, filter_height=3, filter_width=3,
                       pad_height=1, pad_width=1).operation  # fmt: skip
    direct, quick = tiling(LARGE), tiling(LARGE, winograd=2)
    # 8·28·28 = 6,272 tiles of the map: 49 tiles of 128 on 56 cores, sixteen products of 64 channels each.
    assert cycles(conv, quick) == 16 * 128 * 128 * 64 / 64
    assert cycles(conv, direct) == -(-196 // 56) * 128 * 128 * 576 / 64
    table = array_table(machine(), [conv], tiling=quick)
    assert table.native_macs[0, 0] == conv.macs * 16 / 36


@pytest.mark.parametrize("changed", [{"filter_height": 5}, {"stride_width": 2}, {"filter_width": 1}])
def test_winograd_is_for_three_taps_and_stride_one(changed):
    sizes = {"batch": 8, "channels": 64, "height": 56, "width": 56, "filters": 128, "filter_height": 3, "filter_width": 3}
    conv = convolution("fp32", **(sizes | changed)).operation
    assert cycles(conv, tiling(LARGE)) == cycles(conv, tiling(LARGE, winograd=2))


def test_a_tile_alone_on_a_core_takes_as_long_as_all_that_share_it():
    """One of 60 tiles on 30 cores of 128 units is as slow as two; a third on a core waits for the next round."""
    shared = tiling(replace(WIDE, resident=2))

    def time(rows):
        return cycles(Gemm(m=rows, n=64, k=512), shared, units=128, cores=30)

    alone = 128 * 64 * 512 * 2 / 128
    assert time(30 * 128) == time(60 * 128) == time(128) == alone
    assert time(60 * 128 + 1) == 2 * alone
    even = tiling(WIDE)
    assert time(60 * 128) == cycles(Gemm(m=60 * 128, n=64, k=512), even, units=128, cores=30)
    assert time(30 * 128) == 2 * cycles(Gemm(m=30 * 128, n=64, k=512), even, units=128, cores=30)


def test_products_are_cut_only_while_half_of_the_cores_idle():
    """28 tiles on 56 cores are cut; 40 are not, though three waves of quarters would be quicker than one; nor are 60."""
    idle, always = tiling(WIDE, idle_splits=4), tiling(WIDE, splits=4)
    half, more, most = (Gemm(m=tiles * 128, n=64, k=4096) for tiles in (28, 40, 60))
    assert cycles(half, idle) == cycles(half, always) < cycles(half, tiling(WIDE))
    for uncut in (more, most):
        assert cycles(uncut, idle) == cycles(uncut, tiling(WIDE)) > cycles(uncut, always)
    steps = replace(most, repeats=3)
    assert cycles(steps, tiling(WIDE, splits=4, idle_splits=1)) == cycles(steps, always)


def test_a_share_of_one_core_leaves_the_others_idle():
    work = array_work(machine(), Gemm(m=128, n=64, k=512), tiling=tiling(replace(WIDE, resident=2)))
    assert work.part("idle_cores") == pytest.approx((1 - 1 / 112) * work.cycles)


def test_an_operand_takes_the_tiles_of_its_width():
    """Half-precision pairs double the rate of fp16 alone; a slower tile of its width is taken all the same."""
    paired = tiling(WIDE, replace(WIDE, bits=16, pairs=2))
    slow = tiling(WIDE, replace(WIDE, bits=16, resident=4))
    half, single = (gemm(name, m=128, n=64, k=512).operation for name in ("fp16", "fp32"))
    assert cycles(single, paired) == cycles(single, slow) == cycles(single, tiling(WIDE))
    assert cycles(half, paired) == cycles(single, paired) / 2
    assert cycles(half, slow) == cycles(single, slow) * 4


def test_channels_that_do_not_divide_leave_the_quick_kernels():
    """Eight-bit kernels multiply four channels at once (dp4a); three channels run on what does not."""
    both = tiling(replace(LARGE, channels=4), replace(LARGE, units=4))
    sizes = {"batch": 1, "height": 8, "width": 16, "filters": 128, "filter_height": 1, "filter_width": 1}
    for channels, units in ((4, 64), (8, 64), (3, 4), (6, 4)):
        operation = convolution("fp32", channels=channels, **sizes).operation
        assert cycles(operation, both) == 128 * 128 * channels / units


@pytest.mark.parametrize(
    "wrong", [{"whole": True}, {"channels": 4}, {"narrow": True, "bits": 16}], ids=["whole", "channels", "narrow of a width"]
)
def test_every_operation_has_a_tile(wrong):
    some = (replace(LARGE, **wrong),) if "bits" not in wrong else (LARGE, replace(LARGE, **wrong))
    with pytest.raises(ValueError, match="to serve every operation"):
        tiling(*some)


sizes = st.integers(1, 3000)
tiles = st.lists(
    st.builds(
        Tile,
        rows=st.sampled_from([32, 64, 128]),
        cols=st.sampled_from([16, 32, 128]),
        units=st.sampled_from([None, 32]),
        resident=st.sampled_from([1, 2, 4]),
    ),
    min_size=1,
    max_size=3,
)


@given(sizes, sizes, sizes, tiles, st.sampled_from([1, 2, 4]), st.integers(1, 60))
def test_no_product_beats_the_peak_and_more_ways_are_never_slower(m, n, k, some, splits, cores):
    operation = Gemm(m=m, n=n, k=k)
    fewer, more = tiling(*some), tiling(*some, Tile(rows=64, cols=64), splits=splits)
    slow, fast = cycles(operation, fewer, cores=cores), cycles(operation, more, cores=cores)
    assert m * n * k / (64 * cores) <= fast * (1 + 1e-12)
    assert fast <= slow


@given(sizes, sizes, sizes, st.integers(1, 60), st.sampled_from([2, 4]))
def test_tiles_that_share_a_core_are_never_quicker_and_as_quick_where_they_fill_it(m, n, k, cores, resident):
    operation = Gemm(m=m, n=n, k=k)
    alone, shared = tiling(WIDE), tiling(replace(WIDE, resident=resident))
    quick, slow = cycles(operation, alone, cores=cores), cycles(operation, shared, cores=cores)
    assert quick * (1 - 1e-12) <= slow <= resident * quick * (1 + 1e-12)
    full = Gemm(m=128 * cores * resident, n=64, k=k)
    assert cycles(full, shared, cores=cores) == pytest.approx(cycles(full, alone, cores=cores))


@given(sizes, sizes, sizes, tiles, st.sampled_from([1, 4]), st.integers(1, 5))
def test_parts_of_the_cycles_add_up(m, n, k, some, splits, repeats):
    operation = Gemm(m=m, n=n, k=k, repeats=repeats)
    tiles = tiling(*some, splits=splits)
    work = array_work(machine(), operation, tiling=tiles)
    assert work.cycles == pytest.approx(cycles(operation, tiles))
    assert sum(work.part_cycles) == pytest.approx(work.cycles)
    assert all(work.part(name) >= 0 for name in ARRAY_PARTS)


KERNELS = (
    gemm("fp32", m=35, n=700, k=2048),
    convolution("fp32", batch=4, channels=32, height=28, width=28, filters=64, filter_height=3, filter_width=3, pad_width=1),
    recurrent("fp32", cell="lstm", hidden=256, batch=16, steps=5),
)


def test_every_path_of_the_model_says_the_same():
    space = load_design("tesla_p100")
    device = replace(space.device, launch_latency_s=7e-6, dependency_latency_s=3e-5, compute_efficiency=0.9)
    space = replace(space, device=device)
    workload = Workload(name="kernels", scenarios=tuple(kernel.scenario() for kernel in KERNELS))
    result = evaluate(workload, space)
    designs = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
    metrics = evaluate_designs(work_of(workload), designs, space)
    assert metrics.latency_s[0] == pytest.approx(result.scenarios["latency_s"].to_numpy(), rel=1e-12)
    assert metrics.energy_j[0] == pytest.approx(result.scenarios["energy_j"].to_numpy(), rel=1e-9)
    for scenario in workload.scenarios:
        for layer in explain_scenario(result, scenario).layers:
            assert sum(layer.part_s) == pytest.approx(layer.time_s, rel=1e-9)


@settings(max_examples=6)
@given(st.floats(0, 1e-3), st.integers(1, 6))
def test_a_launch_is_waited_for_once_by_each_operation(latency_s, copies):
    space = load_design("tesla_p100")
    kernel = gemm("fp32", m=64, n=64, k=64).scenario()
    network = kernel.network
    nodes = tuple(replace(network.nodes[0], name=f"copy{index}") for index in range(copies))
    scenario = replace(kernel, network=replace(network, nodes=nodes))
    workload = Workload(name="copies", scenarios=(scenario,))

    def latency(launch_s):
        return evaluate(workload, replace(space, device=replace(space.device, launch_latency_s=launch_s))).latency_s

    assert latency(latency_s) == pytest.approx(latency(0.0) + copies * latency_s)


def test_off_by_default():
    for name in ("tpu_v1", "eyeriss", "snowflake", "nvdla_full"):
        device = load_design(name).device
        assert device.tiling is None
        assert device.launch_latency_s == 0.0


def test_the_exact_front_of_tiled_machines_is_that_of_brute_force():
    """Tiles and launches are in the tables by array and operation, so factors still combine freely and bounds still bound."""
    space = load_design("tesla_p100")
    given = {parameter.name: parameter.values for parameter in space.parameters}
    given |= {"cores": (7, 20, 56, 57), "array_rows": (16, 32), "sram": (2**20, 2**22), "bandwidth": (2e11, 7e11)}
    given |= {"frequency": (1.0e9, 1.3e9)}
    device = replace(space.device, launch_latency_s=7e-6, dependency_latency_s=1e-5)
    space = replace(space, parameters=completed(given), device=device).with_objectives("latency", "area", "energy")
    workload = Workload(name="kernels", scenarios=tuple(kernel.scenario() for kernel in KERNELS))
    losses = score(workload, space, space.indices(np.arange(space.size))).losses
    expected = np.unique(losses[pareto.nondominated(losses)], axis=0)
    found = losses_of(exact_front(workload, space).designs, space)
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], expected)
