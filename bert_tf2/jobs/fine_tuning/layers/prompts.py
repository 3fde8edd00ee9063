"""A fine-tuning of a prompt's vectors, alone or with the model: what they begin as, and what is left of them in it."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.model_directory.checkpoint_origin import facts_beside
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.parameter_efficient.prompt_vectors import begin_prompt, end_prompt, merge_prompt
from bert_tf2.options import not_default
from bert_tf2.tasks.base import Prompt, Task
from bert_tf2.tasks.classification.prompting.options import MODEL, VECTORS
from bert_tf2.tasks.classification.prompting.rule import PROMPTS

logger = logging.getLogger(__name__)

_OPTIONS = ("prompt_tuning", "prompt_encoder")
_OF_OTHER_WEIGHTS = {
    "teacher": "a student's layers would stay as they are",
    "freeze_layers": "all layers are frozen",
    "layerwise_lr_decay": "no layer is trained",
    "head_learning_rate": "what stands on the encoder is not trained; --learning_rate is the vectors'",
    "reinit_layers": "layers that begin at random values would stay so",
}


def trains_vectors_alone(options: Any) -> bool:
    """Whether all of a model stays as it is but for a prompt's vectors."""
    return getattr(options, "prompt_tuning", MODEL) == VECTORS


def prompt_told(options: Any, task: Task) -> list[tuple[str, object]]:
    """What a report says of how vectors are trained; nothing where there are none."""
    if task.prompt is None or not task.prompt.groups:
        return []
    return [("prompt tuning", options.prompt_tuning), *not_default(options, ["prompt_encoder"]).items()]


def check_prompt(options: Any, task: Task) -> None:
    """Checks what the options of a training say of a prompt's vectors.

    Args:
      options: `PromptRunOptions` with those of layers and of training, or options without them of another kind.
      task: what is trained.

    Raises:
      UserError: there are no vectors to train, or two options contradict each other.
    """
    given = {name: getattr(options, name) for name in _OPTIONS if hasattr(options, name)}
    asked = not_default(options, given)
    if task.prompt is None:
        for name, value in asked.items():
            raise UserError(
                f"--{name}={value}: the records' patterns hold no vectors; write [P] into them, such as '{{text}} [P] [P] "
                "[MASK].', and prepare the data again"
            )
        return
    if options.lora_rank is not None:
        raise UserError(
            f"--lora_rank={options.lora_rank}: the patterns hold vectors ([P]), and beside adapters the table of words stays "
            "as it is; leave one of them out"
        )
    if not trains_vectors_alone(options):
        if not options.hub_module_trainable:
            raise UserError(
                "--hub_module_trainable=false leaves the patterns' vectors ([P]) as they begin; --prompt_tuning=vectors trains "
                "them alone"
            )
        return
    named = f"--prompt_tuning={options.prompt_tuning}"
    if without := [pattern for pattern, places in zip(task.prompt.facts["patterns"], task.prompt.facts["vectors"]) if not places]:
        raise UserError(
            f"{named}: the pattern '{without[0]}' holds no vector [P], and nothing else is trained; write some into it"
        )
    if not options.init_checkpoint:
        raise UserError(f"{named} needs --init_checkpoint: without it the model beside the vectors stays random")
    if not options.hub_module_trainable:
        raise UserError(f"{named} and --hub_module_trainable=false: the model stays as it is anyway; leave the latter out")
    for name, value in not_default(options, _OF_OTHER_WEIGHTS).items():
        raise UserError(f"{named} and --{name}={value}: {_OF_OTHER_WEIGHTS[name]}; leave one of them out")


def with_beginnings(source: Source, prompt: Prompt, seed: int) -> Source:
    """A checkpoint with the values that a prompt's vectors begin at, unless it is of a model of the same prompt.

    Args:
      source: the checkpoint.
      prompt: the vectors.
      seed: of random beginnings.
    """
    beside = files.read_object(os.path.dirname(source.path), META_DATA)
    told = facts_beside(source.path).get(PROMPTS) or beside.get(PROMPTS)
    number = len(prompt.beginnings)
    same = ("patterns", "vectors")
    if isinstance(told, dict) and all(told.get(name) == prompt.facts[name] for name in same):
        logger.info("the patterns' vectors (%d) are those of %s", number, source.path)
        return source
    as_words = sum(word is not None for word in prompt.beginnings.values())
    logger.info("the patterns' vectors (%d) begin as words (%d) and at random values (%d)", number, as_words, number - as_words)
    return source.with_words(prompt.beginnings, seed)


class PromptTraining:
    """A prompt's vectors from the beginning of their training to its end.

    Args:
      options: `PromptRunOptions` with those of training.
      model, encoder: what is trained, with the values that the vectors begin at in its table of words.
      prompt: the vectors.
      strategy: where the model lives.

    Attributes:
      trained_weights: how many there are, for the log and the report.
    """

    def __init__(
        self, options: Any, model: tf_keras.Model, encoder: tf_keras.Model, prompt: Prompt, strategy: tf.distribute.Strategy
    ):
        self._encoder = encoder
        whole = _size(model.weights)
        if trains_vectors_alone(options):
            unlooped(encoder)
            for layer in (*encoder.layers, *(layer for layer in model.layers if layer is not encoder)):
                layer.trainable = False
        with strategy.scope():
            ours = begin_prompt(encoder, prompt.groups, options.prompt_encoder)
        number, width = ours.vectors.shape
        told = f"{number} vector{'s' if number > 1 else ''} of {width}"
        told += "" if options.prompt_encoder == "none" else " and their network"
        trained, of_prompt = _size(model.trainable_variables), _size(ours.variables)
        frozen = whole + of_prompt - trained
        self.trained_weights = f"{trained:,} ({told}{'' if trained == of_prompt else ' among them'})"
        self.trained_weights += f" beside {frozen:,} frozen" if frozen else ""

    def merge(self) -> None:
        """Brings the table of words up to date."""
        merge_prompt(self._encoder)

    def end(self, directory: str | None) -> None:
        """Makes the model a whole one again; the run's directory gets nothing besides."""
        del directory
        end_prompt(self._encoder)


def _size(variables: Sequence[tf.Variable]) -> int:
    return int(sum(np.prod(variable.shape) for variable in variables))
