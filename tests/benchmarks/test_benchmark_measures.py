"""What the benchmarks count and how: peers' batches, arithmetic of a model, operations under the profiler."""

import importlib.util
import pathlib
import random
import types

import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"


def load(path: str) -> types.ModuleType:
    """A module of the benchmarks, which are no package."""
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, BENCHMARKS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_are_grouped_as_the_trainer_of_transformers_groups_them(monkeypatch):
    """Against what `get_length_grouped_indices` of transformers 4.57.6 made of the same lengths and random order."""
    draws = random.Random(5)
    lengths, order = [draws.randint(3, 40) for _ in range(26)], list(range(26))
    draws.shuffle(order)
    grouping = load("peers/length_grouped.py")
    monkeypatch.setattr(grouping.random, "sample", lambda rows, number: order)
    batches = grouping.length_grouped(lengths, 3)
    expected = [15, 1, 11, 23, 24, 17, 2, 10, 12, 9, 7, 8, 13, 16, 5, 18, 21, 3, 4, 22, 20, 0, 14, 6, 19, 25]
    assert [row for batch in batches for row in batch] == expected
    assert [len(batch) for batch in batches] == [3] * 8 + [2]
    assert grouping.spread(batches, 4) == [batches[0], batches[2], batches[4], batches[6]]


def test_encoder_parameters_of_the_published_models():
    arithmetic = load("gpu_table/arithmetic.py")
    base = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072}
    large = {"hidden_size": 1024, "num_hidden_layers": 24, "intermediate_size": 4096}
    # All 109,482,240 (335,141,888) without embeddings (30522 + 512 + 2 rows, a layer norm) and pooler.
    assert arithmetic.encoder_parameters(base) == 109_482_240 - (30_522 + 512 + 2 + 2) * 768 - (768 + 1) * 768
    assert arithmetic.encoder_parameters(large) == 335_141_888 - (30_522 + 512 + 2 + 2) * 1024 - (1024 + 1) * 1024


def test_flop_of_a_step_are_three_times_those_of_the_products_of_a_forward_pass():
    arithmetic = load("gpu_table/arithmetic.py")
    config = {"hidden_size": 64, "num_hidden_layers": 3, "intermediate_size": 128}
    rows, length, width, inner = 5, 7, 64, 128
    dense = 2 * rows * length * (4 * width * width + 2 * width * inner)
    attention = 2 * 2 * rows * length * length * width
    expected = 3 * (dense + attention)
    forward = arithmetic.step_flop(config, rows * length, rows * length**2, trains=False)
    assert arithmetic.step_flop(config, rows * length, rows * length**2, trains=True) == pytest.approx(3 * forward)
    # The formula counts biases and layer norms with the weights, which are few.
    assert forward == pytest.approx(expected, rel=0.03)


def test_operations_are_read_from_what_the_profiler_wrote(tmp_path):
    @tf.function
    def three_products(x: tf.Tensor) -> tf.Tensor:
        for number in range(3):
            x = tf.linalg.matmul(x, x, name=f"product_{number}")
        return tf.sqrt(x)

    matrix = tf.eye(300)
    three_products(matrix)
    tf.profiler.experimental.start(str(tmp_path))
    for _ in range(2):
        three_products(matrix).numpy()
    tf.profiler.experimental.stop()
    found = {operation.type: operation for operation in load("peers/xplane.py").operations(str(tmp_path))}
    products = [operation for operation in found.values() if operation.is_product]
    assert sum(operation.calls for operation in products) == 6
    assert sum(operation.ms for operation in products) > 0
    assert found["Sqrt"].calls == 2
    assert not found["Sqrt"].is_product


def test_time_of_an_operation_is_without_that_of_those_inside_it(tmp_path):
    space = xplane_pb2.XSpace()
    plane = space.planes.add(name="/host:CPU")
    for number, (name, shown) in enumerate([("while:While", "While"), ("body/mul:Mul", "Mul"), ("EagerExecute", "")], 1):
        plane.event_metadata[number].name, plane.event_metadata[number].display_name = name, shown
    line = plane.lines.add()
    for metadata, begin, duration in ((3, 0, 100), (1, 10, 60), (2, 20, 10), (2, 40, 15), (2, 80, 5)):
        line.events.add(metadata_id=metadata, offset_ps=begin * 10**9, duration_ps=duration * 10**9)
    (tmp_path / "host.xplane.pb").write_bytes(space.SerializeToString())
    found = [(one.type, one.calls, one.ms) for one in load("peers/xplane.py").operations(str(tmp_path))]
    assert found == [("While", 1, 35.0), ("Mul", 3, 30.0)]
