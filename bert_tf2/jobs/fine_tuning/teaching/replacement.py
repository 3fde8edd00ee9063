"""BERT-of-Theseus: a student whose layers are trained in the places of its teacher's (https://arxiv.org/abs/2002.02925).

As in the authors' program embeddings, pooler and head stay the teacher's the whole time, and what is trained is the student's
layers; all layers of a step have dropout.
"""

import logging

import tf_keras

from bert_tf2.data.batches.pipeline import Records
from bert_tf2.jobs.fine_tuning.teaching.after_teacher import AfterTeacher
from bert_tf2.jobs.fine_tuning.teaching.base import Training
from bert_tf2.jobs.fine_tuning.teaching.replacing_options import LINEAR
from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.encoder_layers import blocks_of
from bert_tf2.models.module_replacement import Modules
from bert_tf2.tasks.base import Task
from bert_tf2.training.distillation.replacement import ReplacingRate, ReplacingTask

logger = logging.getLogger(__name__)


class Replacement(AfterTeacher):
    """Labels, and a teacher whose layers are replaced by the student's."""

    def begin(self, training: Training) -> tuple[Task, Records]:
        """The task among the teacher's layers; nothing but the student's is trained from now on."""
        whole, its_encoder = self._model(training.strategy)
        whole.trainable = False
        blocks = blocks_of(training.encoder)
        unlooped(training.encoder)
        _freeze_others(training, blocks)
        modules = Modules(blocks, blocks_of(its_encoder))
        options = self._options
        rises = options.replacing_schedule == LINEAR
        rate = ReplacingRate(options.replacing_rate, round(options.replacing_proportion * training.end), rises)
        logger.info(
            "the student's layers take the places of %s layers of %s: with probability %g, %s from step %d on",
            ", ".join(map(str, modules.sizes)),
            self._described,
            rate.first,
            "rising to 1" if rises else "and 1",
            rate.steps,
        )
        return ReplacingTask(self._task, modules, rate), training.records


def _freeze_others(training: Training, blocks: list[tf_keras.layers.Layer]) -> None:
    kept = {id(layer) for layer in (training.encoder, *blocks)}
    for layer in (*training.model.layers, *training.encoder.layers):
        if id(layer) not in kept:
            layer.trainable = False
    of_blocks = {id(variable) for block in blocks for variable in block.trainable_variables}
    assert {id(variable) for variable in training.model.trainable_variables} == of_blocks, "all else is the teacher's"
