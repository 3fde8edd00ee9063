"""The options that say what happens to long texts, in data preparation and in training."""

import dataclasses

from bert_tf2.options import Options, at_least, option

TRUNCATE, HEAD_TAIL, WINDOWS = "truncate", "head_tail", "windows"
WAYS = (TRUNCATE, HEAD_TAIL, WINDOWS)
MEAN, MAX, FIRST, ATTENTION = "mean", "max", "first", "attention"
POOLINGS = (MEAN, MAX, FIRST, ATTENTION)
LONG_TEXTS = "Long texts"


def _is_share(value: float) -> str | None:
    return None if 0 <= value <= 1 else "must be from 0 to 1"


@dataclasses.dataclass(frozen=True)
class LongTextOptions(Options):
    """How records are made of texts that are longer than an input; all unset where texts are truncated."""

    long_text: str | None = option(
        None,
        "What is kept of texts longer than --max_seq_length: truncate: their beginning; head_tail: their beginning and their end "
        "(https://arxiv.org/abs/1905.05583); windows: all of them, in overlapping windows of that length [default: truncate, or "
        "as the data were prepared].",
        choices=WAYS,
        section=LONG_TEXTS,
    )
    head_share: float | None = option(
        None,
        "head_tail: the share of what is kept that is the text's beginning [default: 0.25, 128 of 510 tokens].",
        check=_is_share,
        section=LONG_TEXTS,
    )
    window_overlap: int | None = option(
        None,
        "windows: tokens that a window shares with the one before it [default: a quarter of --max_seq_length].",
        check=at_least(0),
        section=LONG_TEXTS,
    )
    max_windows: int | None = option(
        None,
        "windows: the most of one text; what comes behind them is cut, and told [default: 32].",
        check=at_least(1),
        section=LONG_TEXTS,
    )


@dataclasses.dataclass(frozen=True)
class LongTextRunOptions(LongTextOptions):
    """The same for a run, and what a model makes of windows."""

    window_pooling: str | None = option(
        None,
        "windows: what a text gets from its windows' logits: their mean, max, that of the first, or a mean weighted by "
        "attention to the windows' pooled outputs, which is trained with the model [default: mean].",
        choices=POOLINGS,
        section=LONG_TEXTS,
    )
    windows_at_once: int | None = option(
        None,
        "windows: the most that go through the model at once on a replica; more go in parts, as with "
        "--micro_batch_size [default: as many as a batch has texts, or twice as many as the longest text has; four times the "
        "batch where nothing is trained; on GPUs what memory allows].",
        check=at_least(1),
        section=LONG_TEXTS,
        may_change=True,
    )


DECIDED_BY_DATA = tuple(field.name for field in dataclasses.fields(LongTextOptions))
"""The options that records are made by."""
