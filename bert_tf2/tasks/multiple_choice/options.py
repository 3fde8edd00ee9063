"""The options that multiple choice adds to data preparation, and what they must agree in."""

import dataclasses
from typing import Any

from bert_tf2.data.sources.row_files import delimiter_of
from bert_tf2.errors import UserError
from bert_tf2.options import option
from bert_tf2.tasks.multiple_choice.packing_options import PackingOptions
from bert_tf2.tasks.row_options import RowFileOptions

CHOICES = "Questions with choices"
_USUAL_LENGTH = 128


@dataclasses.dataclass(frozen=True)
class ChoiceDataOptions(RowFileOptions):
    """What files of questions are, and how inputs are cut."""

    max_qa_length: int | None = option(
        None,
        "Of question and choice together only so many tokens, the last ones, are kept [default: they are never cut; only the "
        "context is].",
        section=CHOICES,
    )
    high_only: bool = option(False, "Of RACE read the high schools' articles only.", section=CHOICES)
    middle_only: bool = option(False, "Of RACE read the middle schools' articles only.", section=CHOICES)


def check_data_options(options: Any) -> None:
    """Checks what the options must agree in.

    Raises:
      UserError: two things are given that exclude each other, or one that cannot be used.
    """
    if options.high_only and options.middle_only:
        raise UserError("--high_only and --middle_only exclude each other; without them all of RACE is read")
    if options.header == "no":
        raise UserError("--header=no cannot be used here: columns of questions and choices are found by their names")
    if len(options.quotechar) > 1:
        raise UserError(f"--quotechar must be one character; got '{options.quotechar}'")
    delimiter_of(options.delimiter)
    packing_of(options).check()


def packing_of(options: Any) -> PackingOptions:
    """How inputs are cut, as the options of data preparation say."""
    return PackingOptions(options.max_seq_length or _USUAL_LENGTH, options.max_qa_length)
