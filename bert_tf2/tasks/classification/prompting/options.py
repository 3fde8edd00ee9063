"""The options that classification by patterns adds to data preparation and to training."""

import dataclasses

from bert_tf2.options import at_least, option
from bert_tf2.tasks.classification.options import LabelLossOptions, PublishedTaskOptions, TemperatureOptions
from bert_tf2.tasks.row_options import LabelOptions, TextRowOptions

_PATTERNS = "Patterns and verbalizers"
VECTORS, MODEL = "vectors", "model"
"""What is trained where patterns hold vectors."""


@dataclasses.dataclass(frozen=True)
class PromptDataOptions(LabelOptions, TextRowOptions, PublishedTaskOptions):
    """Where texts and labels come from, and what is put around the texts."""

    prompt_file: str | None = option(
        None,
        "A YAML or JSON file with patterns, such as '{text} It was [MASK].' ({text_a} and {text_b} for pairs), and verbalizers: "
        "the words for each label that stand for it in the place of [MASK].",
        section=_PATTERNS,
    )


@dataclasses.dataclass(frozen=True)
class PromptRunOptions(LabelLossOptions, TemperatureOptions):
    """What is minimised, how certain predictions are said to be, and which patterns are used."""

    pattern: int | None = option(
        None,
        "Use the Nth pattern of the records only, from 1 [default: all; a text's probabilities are their mean].",
        check=at_least(1),
        section=_PATTERNS,
    )
    pattern_ensemble: bool = option(
        False,
        "A model for each pattern, in --model_dir/pattern_N; the means of their probabilities, which are the ensemble's "
        "predictions, and their scores stand beside.",
        section=_PATTERNS,
        may_change=True,
    )
    prompt_tuning: str = option(
        MODEL,
        "What is trained where patterns hold vectors, [P]. vectors: these alone, the model stays (prompt tuning). model: "
        "both (P-tuning).",
        choices=(VECTORS, MODEL),
        section=_PATTERNS,
        of_training=True,
    )
    prompt_encoder: str = option(
        "none",
        "A small network of the vectors that is trained with them; what it gives is added to them, and part of them in the saved "
        "model. mlp: it sees each vector. lstm: all of a pattern.",
        choices=("none", "mlp", "lstm"),
        section=_PATTERNS,
        of_training=True,
    )
