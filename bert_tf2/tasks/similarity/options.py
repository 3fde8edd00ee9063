"""The options that similarity adds to data preparation and to training, and what they must agree in."""

import dataclasses
from typing import Any

from bert_tf2.data.sources.row_files import delimiter_of
from bert_tf2.errors import UserError
from bert_tf2.options import Options, option, positive
from bert_tf2.tasks.row_options import ROWS, LabelOptions, TextPairOptions, check_label_names
from bert_tf2.tasks.similarity.objectives import CONTRASTIVE, COSINE, OBJECTIVES, SOFTMAX, TRIPLET

POOLINGS = ("mean", "cls", "max", "pooler")
_VECTORS = "Vectors of texts"


@dataclasses.dataclass(frozen=True)
class SimilarityDataOptions(TextPairOptions, LabelOptions):
    """Where the texts are, and what says how alike they are."""

    negative_column: str | int | None = option(
        None, "Name or place of a text that is unlike the first one [default: negative, text_c, …].", section=ROWS
    )
    score_column: str | int | None = option(
        None, "Name or place of a number that says how alike the two texts are [default: score, similarity, …].", section=ROWS
    )


@dataclasses.dataclass(frozen=True)
class SimilarityRunOptions(Options):
    """What the vector of a text is, and what makes vectors alike."""

    objective: str | None = option(
        None,
        f"{CONTRASTIVE}: the second text is nearer to the first than all other texts of the batch are; without second texts "
        f"each text is its own, with another dropout. {COSINE}: the cosine of two vectors is their score. {TRIPLET}: the second "
        f"text is nearer than the third. {SOFTMAX}: both vectors and their difference tell the label [default: {COSINE} for "
        f"scores, {SOFTMAX} for labels, else {CONTRASTIVE}].",
        choices=OBJECTIVES,
        section=_VECTORS,
    )
    pooling: str = option(
        "mean",
        "The vector of a text: mean or max of its tokens' vectors, special ones included; cls: the first token's, of XLNet the "
        "last one's; pooler: that one after the pooler.",
        choices=POOLINGS,
        section=_VECTORS,
    )
    temperature: float = option(
        0.05, f"What cosines are divided by (--objective={CONTRASTIVE}).", check=positive, section=_VECTORS
    )
    margin: float = option(
        0.3, f"How much nearer, by cosine, the second text is to be (--objective={TRIPLET}).", check=positive, section=_VECTORS
    )


def check_data_options(options: Any) -> None:
    """Checks what the options must agree in.

    Raises:
      UserError: something cannot be used.
    """
    if options.label_column is not None and options.score_column is not None:
        raise UserError(
            f"--label_column={options.label_column} and --score_column={options.score_column} exclude each other: two texts have "
            "a label or a score; leave one out"
        )
    if options.negative_column is not None and (options.score_column, options.label_column) != (None, None):
        raise UserError(
            f"--negative_column={options.negative_column} cannot be used beside --score_column or --label_column: of three texts "
            "the second is like the first and the third is not; leave one out"
        )
    check_label_names(options, "label")
    if len(options.quotechar) > 1:
        raise UserError(f"--quotechar must be one character; got '{options.quotechar}'")
    delimiter_of(options.delimiter)
