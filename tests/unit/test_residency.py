"""What stays on chip between layers, worked by hand on machines that hold everything, or almost."""

import pytest

import dse

MACHINE = """\
name: machine
parameters: {compute_units: 1000, bandwidth: 1 GB/s, sram: %s, frequency: 1 GHz, node: 16 nm, double_buffer: %s}
unit_prices: {compute_unit: 0.01 USD per unit, bandwidth: 0.5 USD per GB/s, sram: 2 USD per MiB, base: 1 USD}
device: {%s}
"""

TWO = """\
name: two
batches: [4]
networks:
  - name: net
    input: {features: 10}
    layers:
      - {name: first, kind: linear, features: 20, activation: relu}
      - {name: second, kind: linear, features: 5}
"""


@pytest.fixture
def run(tmp_path):
    def run(text, sram="1 MiB", double="false", device=""):
        (tmp_path / "work.yaml").write_text(text)
        (tmp_path / "machine.yaml").write_text(MACHINE % (sram, double, device))
        return dse.evaluate(dse.load_workload(tmp_path / "work.yaml"), dse.load_design(tmp_path / "machine.yaml"))

    return run


def test_a_chain_moves_weights_and_what_is_given_and_answered(run):
    """Input 40, hidden 80, output 20 bytes; weights 200 and 100: with the hidden ones on chip 360, else 80 twice more."""
    assert run(TWO).dram_bytes == 40 + 200 + 100 + 20
    assert run(TWO, device="activations: streamed").dram_bytes == 40 + 200 + 80 + 80 + 100 + 20
    assert run(TWO, device="network_io: host").dram_bytes == 200 + 100
    assert run(TWO, device="weights: resident").dram_bytes == 40 + 20
    assert run(TWO, device="weights: resident, network_io: host").dram_bytes == 0


def test_what_stays_takes_its_room(run):
    """80 bytes of hidden numbers stay; the first layer streams beside them.

    Its inputs (40) stay with the weights of an output and a sum (10 + 4): 134 in all. A double buffer holds these 54 twice.
    """
    assert run(TWO).layers["resident_bytes"].tolist() == [80, 80]
    assert run(TWO, sram="134 B").dram_bytes == 360
    assert run(TWO, sram="133 B").dram_bytes > 360
    assert run(TWO, sram="188 B", double="true").dram_bytes == 360
    assert run(TWO, sram="187 B", double="true").dram_bytes > 360


RECURRENT = """\
name: recurrent
batches: [2]
networks:
  - name: net
    input: {features: 3, steps: 5}
    layers:
      - {name: rnn, kind: lstm, hidden: 8}
"""


def test_a_recurrent_state_stays_from_step_to_step(run):
    """B = 2, T = 5: input 30, weights 32·3 and 32·8 once, the answer 80; gates, state (16) and cell (16) never leave."""
    assert run(RECURRENT).dram_bytes == 30 + 96 + 256 + 80
    streamed = run(RECURRENT, device="activations: streamed")
    # The gates' inputs 2·5·32 are written and read, the state is read (2·8) and the pre-activations written (2·32) each step.
    assert streamed.dram_bytes == (30 + 96 + 320) + (256 + 5 * 16 + 5 * 64 + 320)


DECODE = """\
name: decode
networks:
  - name: net
    input: {features: 4, steps: 1}
    layers:
      - {name: attention, kind: attention, heads: 1, context: 3}
"""


def test_a_cache_of_keys_and_values_comes_from_dram(run):
    """One token on a context of three: qkv weights 48, output weights 16, token in and out 4 + 4, keys and values 12 + 12."""
    assert run(DECODE).dram_bytes == 48 + 16 + 4 + 4 + 12 + 12


RESIDUAL = """\
name: residual
networks:
  - name: net
    input: {channels: 2, height: 4, width: 4}
    layers:
      - {name: stem, kind: conv2d, filters: 2, kernel: 1}
      - {name: conv, kind: conv2d, filters: 2, kernel: 3, padding: 1}
      - {name: sum, kind: add, from: [conv, stem]}
      - {name: head, kind: conv2d, filters: 1, kernel: 1}
"""


def test_a_residual_stays_until_it_is_added(run):
    """Maps of 32 bytes: given 32, answered 16, weights 4 + 36 + 2; without residency the stem is written once and read twice."""
    result = run(RESIDUAL)
    assert result.dram_bytes == 32 + 16 + 4 + 36 + 2
    assert result.layers["resident_bytes"].tolist() == [32, 64, 32]
    assert run(RESIDUAL, device="activations: streamed").dram_bytes == 90 + 32 + 2 * 32 + 2 * 32


def test_partial_sums_of_a_kept_output_need_room_too(run):
    """Output at home but its tile of 32-bit sums is held as before: weights pass once only where it fits."""
    curve = dse.reuse_curve(dse.Gemm(m=4, n=20, k=10).with_bits(input=8, weight=8, output=8, accumulator=32), home={"output"})
    assert curve.compulsory_bytes == 40 + 200
    whole = [int(at) for at in curve.capacity_bytes if curve.at(float(at)) == 240]
    # Weights stay (200 B) and inputs pass; inputs stay (40 B) beside 10 weights and a sum, or 4 sums and a weight.
    assert whole[0] == 40 + min(10 + 4, 4 * 4 + 1)
