import garden_checkpoints as garden
import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import load_encoder_weights, open_source, read_heads
from bert_tf2.models.checkpoints.tf1 import write_tf1
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.families.base import families

CONFIG = garden.CONFIG


def save_with_tf1(path, arrays):
    """Saves variables by name with TF1's own `Saver`."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [tf.compat.v1.get_variable(name, initializer=array, use_resource=False) for name, array in arrays.items()]
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(variables)
        return saver.save(session, str(path), write_meta_graph=False)


def test_a_checkpoint_of_google_research_with_its_optimizer(tmp_path):
    arrays = garden.random_weights()
    extra = {"global_step": np.int64(7)}
    for name, array in arrays.items():
        extra |= {f"{name}/adam_m": array, f"{name}/adam_v": array}
    path = save_with_tf1(tmp_path / "bert_model.ckpt", arrays | extra)
    source = open_source(path)
    garden.assert_same(garden.read_all(source), arrays)
    assert (source.format, source.others, source.optimizer_slots) == ("tf1", [], 2 * len(arrays) + 1)
    report = load_encoder_weights(build_encoder(CONFIG), path, CONFIG)
    assert len(report.loaded) == 39
    assert len(report.unused) == len(arrays) - 39
    assert "optimizer variables left alone" in report.summary()
    assert {name: len(head) for name, head in read_heads(path).items()} == {
        "masked_lm": 5,
        "next_sentence": 2,
        "classifier": 2,
        "span": 2,
    }


def test_variables_below_a_scope_are_found(tmp_path):
    arrays = garden.random_weights(heads=("masked_lm",))
    path = save_with_tf1(tmp_path / "model", {f"module/{name}": array for name, array in arrays.items()})
    garden.assert_same(garden.read_all(open_source(path)), arrays)


def test_what_is_written_is_restored_by_tf1(tmp_path):
    arrays = garden.random_weights()
    write_tf1(str(tmp_path / "model.ckpt"), garden.source_of(arrays).tensors, families.get("bert"))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        zeros = [tf.compat.v1.get_variable(name, initializer=np.zeros_like(array)) for name, array in arrays.items()]
        tf.compat.v1.train.Saver(zeros).restore(session, str(tmp_path / "model.ckpt"))
        restored = session.run({variable.op.name: variable for variable in zeros})
    garden.assert_same(restored, arrays)


def test_half_precision_is_widened(tmp_path):
    arrays = garden.random_weights(heads=())
    half = {name: array.astype(tf.bfloat16.as_numpy_dtype) for name, array in arrays.items()}
    write_path = str(tmp_path / "model.ckpt")
    tf.raw_ops.SaveV2(
        prefix=write_path,
        tensor_names=list(half),
        shape_and_slices=[""] * len(half),
        tensors=[tf.constant(array) for array in half.values()],
    )
    garden.assert_same(garden.read_all(open_source(write_path)), {name: array.astype(np.float32) for name, array in half.items()})


def test_a_checkpoint_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no encoder of .* \(1 tensors, the first: w\)"):
        open_source(save_with_tf1(tmp_path / "other", {"w": np.zeros(3, np.float32)}))
