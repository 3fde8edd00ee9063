"""The model of a run: built, given the weights that it starts from or is used with, exported."""

import abc
import dataclasses
import logging
import os
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.named_weights import Restored, restore
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.model_directory.checkpoint_origin import facts_beside
from bert_tf2.model_directory.metadata_checks import decisive
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.models.families.names import is_pooler
from bert_tf2.options import required
from bert_tf2.tasks.base import Task
from bert_tf2.training import checkpointing, weights
from bert_tf2.training.run_directory import RunDirectory, shown
from bert_tf2.training.trainer_config import TrainingResult

logger = logging.getLogger(__name__)


class ModelOfRun(abc.ABC):
    """What a run knows of its model.

    Args:
      options: what was asked.
      config: the encoder's configuration.
      strategy: where the model lives.
      directory: `--model_dir`.
      task: loss, metrics, head.
    """

    random_start = logging.WARNING
    """How loudly it is told that training starts from random weights."""

    def __init__(
        self,
        options: TrainingOptions,
        config: BertConfig,
        strategy: tf.distribute.Strategy,
        directory: RunDirectory,
        task: Task,
    ):
        self._options, self._config, self._strategy, self._directory, self._task = options, config, strategy, directory, task
        self._restored: Restored | None = None
        # The checkpoint that the weights are from, where it is not one of the directory, and its step.
        self._origin: str | None = None
        self._step = 0
        # What the last evaluation collected, as long as the model has the weights it was collected with.
        self._last_evaluation: Any = None

    @property
    def options(self) -> TrainingOptions:
        """What was asked, with what was settled since."""
        return self._options

    @property
    def config(self) -> BertConfig:
        """The encoder's configuration."""
        return self._config

    @property
    def strategy(self) -> tf.distribute.Strategy:
        """Where the model lives."""
        return self._strategy

    @property
    def directory(self) -> RunDirectory:
        """Where the run is."""
        return self._directory

    @property
    def task(self) -> Task:
        """Loss, metrics, head."""
        return self._task

    @property
    def restored(self) -> Restored | None:
        """What `--init_checkpoint` gave, after `assemble`; None without one."""
        return self._restored

    @property
    def makes_weights(self) -> bool:
        """Whether a training from random weights is what the job is for."""
        return self.random_start < logging.WARNING

    @abc.abstractmethod
    def _model_facts(self) -> dict[str, Any]:
        """What a trained model and data must agree in: the task, the vocabulary, the labels."""

    def _build_model(self, seed: int) -> None:
        # Keras draws initial weights from its global generator.
        tf_keras.utils.set_random_seed(seed)
        with self._strategy.scope():
            policy = training_setup.POLICIES[self._options.dtype]
            self._encoder = self._build_encoder(policy)
            self._encoder.trainable = self._options.hub_module_trainable
            self._model = self._task.build_model(self._encoder)

    def _build_encoder(self, policy: str) -> tf_keras.Model:
        """The encoder that the task's heads stand on."""
        config, recompute = self._config, self._options.recompute
        if not self._options.hub_module_trainable:
            # As TF-Hub's layer has it; and nothing is kept for a gradient that could be computed again.
            config, recompute = dataclasses.replace(config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), False
        return family_of(config).build(config, policy, output_range=self._output_range, recompute=recompute)

    @property
    def _output_range(self) -> int | None:
        """How many tokens of each row the last block computes."""
        return self._task.output_range

    @property
    def _trained_weights(self) -> str:
        """How many weights are trained, and of how many where some are not."""
        trained, rest = (
            sum(variable.shape.num_elements() for variable in variables)
            for variables in (self._model.trainable_variables, self._model.non_trainable_variables)
        )
        return f"{trained:,} of {trained + rest:,}" if rest else f"{trained:,}"

    def _initialise(self, begins: bool) -> None:
        """Gives the model the weights that it starts from.

        Args:
          begins: the directory holds no checkpoint, which would take their place.
        """
        if self._options.init_checkpoint and begins:
            self._load_initial_weights()
        elif not self._options.init_checkpoint:
            logger.log(self.random_start, "no --init_checkpoint: training starts from random weights")

    def _load_initial_weights(self) -> None:
        """Loads `--init_checkpoint`, the head too where it is the task's, and tells what starts from random values."""
        self._begin_from(open_source(required(self._options.init_checkpoint)))

    def _begin_from(self, source: Source) -> None:
        """As `_load_initial_weights`, of a checkpoint that is opened."""
        self._restored = restored = self._restore(source, begins=True)
        if not self._options.hub_module_trainable and self._task.on_pooler and any(map(is_pooler, restored.loaded.missing)):
            raise UserError(
                f"--hub_module_trainable=false: {source.path} has no pooler, which the task's head stands on; it would stay at "
                "random values: leave the flag out"
            )
        for title in restored.heads:
            logger.info("the %s was restored from %s", title, source.path)
        for part, reason in restored.random.items():
            logger.warning("%s %s; %s starts from random values", source.path, reason, part)
        if differing := self._differing_facts(source):
            logger.warning("%s was trained on other text than this (%s)", source.path, differing)

    def _restore(self, source: Source, begins: bool = False) -> Restored:
        """Loads a checkpoint.

        Args:
          source: the checkpoint.
          begins: it is trained from there.
        """
        source, unusable = self._fitted(source, begins)
        restored = restore(self._encoder, self._model, source, self._config, self._task.heads, unusable, self._task.on_pooler)
        logger.info("%s", restored.loaded.summary())
        return restored

    def _fitted(self, source: Source, begins: bool) -> tuple[Source, dict[str, str]]:
        """A checkpoint with its heads as the task needs them, and why those that it cannot use were left out, by kind."""
        del begins
        return source, {}

    def _differing_facts(self, source: Source) -> str:
        """In what the data that a checkpoint was trained on were made otherwise: the vocabulary, the casing."""
        there, here = facts_beside(source.path), self._model_facts()
        return "; ".join(
            f"{name}: {shown(there[name])} there, {shown(value)} here"
            for name, value in here.items()
            if name not in ("task", "labels") and None not in (value, there.get(name)) and there[name] != value
        )

    @property
    def _initial_weights(self) -> str:
        """Where the first weights came from, for the report."""
        return self._options.init_checkpoint or "random"

    def _load(self, training: TrainingResult | None) -> None:
        """Gives the model the weights that scores, predictions and exports are made with."""
        directory = self._directory.path
        if (flag := self._flag_of_named_model(training)) is not None:
            self._load_named_model(flag)
            return
        if training is None:
            self._directory.require_same({"bert_config": decisive(self._config), "data": self._model_facts()})
            if self._options.init_checkpoint:
                logger.info("%s holds checkpoints of its own: --init_checkpoint is not read", directory)
        wanted = weights.best_step(directory) if self._options.load_checkpoint == "best" else None
        if training is None or wanted not in (None, training.final_step):
            self._last_evaluation = None
            self._step = checkpointing.restore_model(self._model, directory, wanted)
            return
        self._step = training.final_step
        if not any(entry["kind"] == "eval" and entry["step"] == self._step for entry in training.history):
            self._last_evaluation = None

    def _flag_of_named_model(self, training: TrainingResult | None) -> str | None:
        """The flag that names the model to use; None where it is one of the directory.

        As in google-research/bert, `--init_checkpoint` names it where nothing was trained in the directory.
        """
        if self._options.predict_checkpoint_path:
            return "predict_checkpoint_path"
        if training is not None or not self._options.init_checkpoint:
            return None
        return "init_checkpoint" if checkpointing.latest_step(self._directory.path) is None else None

    def _load_named_model(self, flag: str) -> None:
        """Loads a trained model from elsewhere: a checkpoint of any format with the task's head.

        Raises:
          UserError: it lacks a part, which would be random, or was trained on text in another form.
        """
        named = f"--{flag}={getattr(self._options, flag)}"
        source = open_source(getattr(self._options, flag)).of_family(family_of(self._config))
        layers = source.family.weights.sizes(source.shapes).get("num_hidden_layers", self._config.num_hidden_layers)
        if layers > self._config.num_hidden_layers:
            raise UserError(
                f"{named} has {layers} layers and its head stands on the last; the configuration's num_hidden_layers is "
                f"{self._config.num_hidden_layers}: give the model's own, or train the smaller model first"
            )
        restored = self._restore(source)
        for part, reason in restored.random.items():
            raise UserError(
                f"{named} {reason}: {part} would be random, and so would the results; name a model that was trained for this "
                "task, or train first"
            )
        if differing := self._differing_facts(source):
            raise UserError(f"{named} is a model of text in another form ({differing}); prepare the data as its training's were")
        self._origin, self._step = source.path, source.step or 0

    @property
    def _used(self) -> str:
        """What the results are of, for logs and the report."""
        if self._origin is None:
            return f"checkpoint of step {self._step}"
        return f"{self._origin} (step {self._step})" if self._step else self._origin

    def _model_to_export(self) -> tf_keras.Model:
        """The model as it is served: in float32 whatever the training computed in, on one device."""
        model = self._task.build_model(self._build_encoder("float32"))
        model.set_weights(self._model.get_weights())
        return model

    def _save_encoder(self) -> None:
        """Saves the encoder alone where `--sub_model_export_name` asks for it."""
        if self._options.sub_model_export_name:
            name = f"{self._options.sub_model_export_name}.ckpt-{self._step}"
            weights.save_whole(tf.train.Checkpoint(model=self._encoder), os.path.join(self._directory.path, name))
