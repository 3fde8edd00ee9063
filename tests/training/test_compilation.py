"""What people are told of a step that cannot be compiled."""

import pytest
import tensorflow as tf
from toy_task import ToyTask, make_plan, make_trainer, open_records, write_records

from bert_tf2.data.batches.pipeline import Padding
from bert_tf2.errors import JobError
from bert_tf2.training.compiled.errors import why_not_compiled


class Uncompilable(ToyTask):
    """Its loss needs Python."""

    def loss(self, outputs, batch, denominators):
        loss = super().loss(outputs, batch, denominators)
        return loss + tf.stop_gradient(tf.numpy_function(lambda value: value * 0, [loss], tf.float32))


def test_a_step_that_needs_python(tmp_path):
    records = open_records(write_records(tmp_path / "records"))
    trainer, _ = make_trainer(tmp_path / "run", task=Uncompilable(), enable_xla=True)
    with pytest.raises(JobError, match=r"^a step cannot be compiled \(the operation PyFunc cannot\); --noenable_xla runs"):
        trainer.train(records, make_plan(records), padding=Padding(most={"tokens": 12}, full_batches=True))


def test_other_errors_are_not_explained():
    assert why_not_compiled(tf.errors.InvalidArgumentError(None, None, "indices[3] = 7 is not in [0, 5)")) is None
