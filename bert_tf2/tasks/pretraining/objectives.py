"""Which objective an encoder is pre-trained with, by its family; the options of each, and how it is made."""

import abc
import dataclasses
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import MASKED_LM, REPLACED_TOKENS, families, family_of
from bert_tf2.options import Options, refuse_given, required
from bert_tf2.tasks.pretraining.replaced_tokens.options import ReplacedTokenOptions

if TYPE_CHECKING:
    from bert_tf2.tasks.pretraining.objective import Objective


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What an objective is made for, besides the encoder and its own options.

    Attributes:
      has_pairs: records hold pairs of segments, with labels.
      masked: records say which tokens are masked.
      mask_id: the id of [MASK]; None where nothing tells.
      policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
      static_shapes: all shapes are to be known.
      best_metric: the metric that names the best checkpoint; None for the objective's own.
      recompute: keep little for the gradient.
      gives_logits: models give their whole guesses, for a loss against a teacher's.
    """

    has_pairs: bool
    masked: bool
    mask_id: int | None
    policy: str = "float32"
    static_shapes: bool = False
    best_metric: str | None = None
    recompute: bool = False
    gives_logits: bool = False


class ObjectiveKind(abc.ABC):
    """A kind of pre-training.

    Attributes:
      options: what it can be told; None for nothing.
    """

    options: type[Options] | None = None

    def check(self, config: BertConfig, options: Any, mask_id: int | None) -> None:  # noqa: B027 (every encoder can do most)
        """Checks before anything is written what single flags cannot.

        Args:
          config: the encoder's.
          options: the command's.
          mask_id: the id of [MASK], as far as it is known.

        Raises:
          UserError: the encoder cannot be trained so.
        """

    @abc.abstractmethod
    def task(self, config: BertConfig, options: Any, made_for: Circumstances) -> "Objective":
        """The task."""


class MaskedLMObjective(ObjectiveKind):
    """Masked tokens and, where there are pairs, the next sentence."""

    def task(self, config: BertConfig, options: Any, made_for: Circumstances) -> "Objective":
        """The task."""
        from bert_tf2.tasks.pretraining.task import PretrainingTask

        return PretrainingTask(
            config,
            next_sentence=made_for.has_pairs,
            masked=made_for.masked,
            policy=made_for.policy,
            static_shapes=made_for.static_shapes,
            best_metric=made_for.best_metric,
            gives_logits=made_for.gives_logits,
        )


class ReplacedTokensObjective(ObjectiveKind):
    """Generator and discriminator."""

    options = ReplacedTokenOptions

    def check(self, config: BertConfig, options: Any, mask_id: int | None) -> None:
        """See `ObjectiveKind.check`.

        Raises:
          UserError: there is no generator of the sizes asked for, neither loss counts, or the id of [MASK] is not known.
        """
        from bert_tf2.models.families.electra.generator import generator_config

        generator_config(config, options.generator_hidden_size, options.generator_layers)
        if options.use_next_sentence_label:
            raise UserError(
                f"--use_next_sentence_label: {config.form.title} does not judge pairs of sentences; leave the flag out"
            )
        if options.gen_weight == 0 and options.disc_weight == 0:
            raise UserError("--gen_weight=0 and --disc_weight=0 leave nothing to learn; give one of them a weight")
        if mask_id is None:
            raise UserError(
                f"--vocab_file is required: {config.form.title} masks the records' tokens anew, and nothing beside them says "
                "which id [MASK] has"
            )

    def task(self, config: BertConfig, options: Any, made_for: Circumstances) -> "Objective":
        """The task."""
        from bert_tf2.tasks.pretraining.replaced_tokens.task import ReplacedTokenTask

        return ReplacedTokenTask(
            config,
            options,
            mask_id=required(made_for.mask_id),
            masked=made_for.masked,
            policy=made_for.policy,
            static_shapes=made_for.static_shapes,
            best_metric=made_for.best_metric,
            recompute=made_for.recompute,
        )


OBJECTIVES: dict[str, ObjectiveKind] = {MASKED_LM: MaskedLMObjective(), REPLACED_TOKENS: ReplacedTokensObjective()}
"""By the names that families call them by (`Family.objective`)."""


def objective_of(config: BertConfig) -> ObjectiveKind:
    """The objective that the configuration's family is pre-trained with."""
    return OBJECTIVES[family_of(config).objective]


def check_options(config: BertConfig, options: Any, mask_id: int | None) -> None:
    """Checks the options of the family's objective, and that none of another is given.

    Args:
      config: the encoder's.
      options: the command's, with the options of all objectives.
      mask_id: the id of [MASK], as far as it is known.

    Raises:
      UserError: they cannot be used.
    """
    chosen = objective_of(config)
    for name, other in OBJECTIVES.items():
        if other.options is None or other is chosen:
            continue
        titles = " and ".join(family.title for family in families.all() if family.objective == name)
        here = f"{options.bert_config_file} is the configuration of {config.form.title}"
        fields = [field.name for field in dataclasses.fields(other.options)]
        refuse_given(options, fields, f"is for pre-training {titles}, and {here}; leave it out")
    chosen.check(config, options, mask_id)
