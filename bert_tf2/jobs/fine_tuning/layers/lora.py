"""A fine-tuning of adapters: what it begins with, and what it leaves beside the whole model."""

import logging
import os
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.jobs.fine_tuning.layers.lora_options import targets_in
from bert_tf2.model_directory.model_files import MODEL_FILES, write_whole
from bert_tf2.models.checkpoints.loading import living_variables, plain_value
from bert_tf2.models.checkpoints.lora import LowRank, write_lora
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families import names
from bert_tf2.models.families.base import family_of
from bert_tf2.models.parameter_efficient.adapters import adapt, without_adapters
from bert_tf2.tasks.base import Task

logger = logging.getLogger(__name__)

DIRECTORY = "lora"
"""Where a run has the adapters alone."""


class LoraTraining:
    """The adapters of a model from the beginning of its training to its end.

    Args:
      options: `LoraOptions` with those of training.
      config: the encoder's.
      model, encoder: what is trained, with the values that stay.
      task: the model's.
      strategy: where the model lives.

    Attributes:
      trained_weights: how many there are, for the log and the report.
    """

    def __init__(
        self,
        options: Any,
        config: BertConfig,
        model: tf_keras.Model,
        encoder: tf_keras.Model,
        task: Task,
        strategy: tf.distribute.Strategy,
    ):
        self._options, self._config, self._model, self._encoder, self._task = options, config, model, encoder, task
        whole = _size(model.weights)
        with strategy.scope():
            scale = (options.lora_alpha or options.lora_rank) / options.lora_rank
            self._adapters = adapt(
                encoder,
                targets_in(options.lora_targets),
                options.lora_rank,
                scale,
                first_block=options.freeze_layers or 0,
                trains_pooler=task.on_pooler,
            )
        self.merge = self._adapters.merge
        ours, trained = _size(self._adapters.trainable_variables), _size(model.trainable_variables)
        self.trained_weights = f"{trained:,} ({ours:,} of adapters) beside {whole + ours - trained:,} frozen"

    def end(self, directory: str | None) -> None:
        """Makes the model a whole one again.

        Args:
          directory: the run's, which keeps the adapters alone; None to keep none.
        """
        if directory is not None:
            if files.is_remote(directory):
                logger.warning("the adapters alone are written to local directories only, and %s is none", directory)
            else:
                self._write(directory)
        without_adapters(self._encoder)

    def _write(self, directory: str) -> None:
        folder, family = os.path.join(directory, DIRECTORY), family_of(self._config)
        kernels = living_variables(self._encoder, family.weights.of(self._config), family)
        called = {id(variable): name for name, variable in kernels.items()}
        adapters = {}
        for layer in self._adapters.adapted:
            adapter = layer.adapter
            assert adapter is not None, "they are in place until the end"
            adapters[called[id(layer.kernel)]] = LowRank(*(one.numpy() for one in (adapter.base, adapter.first, adapter.second)))
        heads = living_variables(self._model, names.head_weights(), family)
        if self._task.on_pooler:
            heads |= {name: variable for name, variable in kernels.items() if names.is_pooler(name)}
        whole = {name: plain_value(name, variable) for name, variable in heads.items()}
        base = files.expand(self._options.init_checkpoint)
        base = base if files.is_remote(base) else os.path.realpath(base)
        write_lora(folder, base, self._config, self._kind, adapters, self._adapters.scale, whole)
        for name in MODEL_FILES:
            if os.path.exists(path := os.path.join(directory, name)):
                with open(path, "rb") as file:
                    write_whole(os.path.join(folder, name), file.read())
        logger.info("the adapters alone: %s (--init_checkpoint=%s is the whole model, with %s)", folder, folder, base)

    @property
    def _kind(self) -> str:
        """Of which class of `transformers` the model is."""
        for kind in ("span", "start_conditioned"):
            if kind in self._task.heads:
                return kind
        if "classifier" in self._task.heads:
            return "classifier" if self._task.on_pooler else "tagger"
        return "encoder"


def _size(variables: list[tf.Variable]) -> int:
    return int(sum(np.prod(variable.shape) for variable in variables))
