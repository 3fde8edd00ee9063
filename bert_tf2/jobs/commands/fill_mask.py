"""The job of `python -m bert_tf2.fill_mask`."""

import dataclasses
import functools
import json
from collections.abc import Iterator
from typing import TextIO

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.inference.filled_texts import MARKS
from bert_tf2.inference.mask_filler import Candidate, MaskFiller
from bert_tf2.jobs.commands.asking import Answers, Row, answer_file, answer_lines, check_one_or_many, loading
from bert_tf2.jobs.commands.masked_lm_options import MaskedLMOptions, check_model
from bert_tf2.options import at_least, option, require_given
from bert_tf2.runtime import job
from bert_tf2.text.vocabulary import MASK


@dataclasses.dataclass(frozen=True)
class FillMaskOptions(MaskedLMOptions):
    """Which model, and where texts come from."""

    text: str | None = option(
        None,
        "One text with [MASK] where a word is to be found (<mask> too, for a RoBERTa). Without it texts are read from standard "
        "input, one a line.",
    )
    input_file: str | None = option(None, 'Many texts: a file with a JSON object {"text": …} on each line, and "id" if you like.')
    output_file: str | None = option(
        None,
        "Where their fillings go, in the same order: a JSON object on each line with the id, if there is one, and masks: for "
        "each [MASK] a list of token, probability and text. It appears when it is complete.",
    )
    top_k: int = option(5, "How many tokens for each [MASK].", check=at_least(1))
    batch_size: int = option(16, "How many texts of --input_file are filled at a time.", check=at_least(1))


def command(description: str = "Fills [MASK] in texts with a pre-trained model.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(fill_mask, FillMaskOptions, description)


@job
def fill_mask(options: FillMaskOptions, texts: TextIO | None = None) -> int:
    """Fills one text, the lines of a stream, or a file of texts.

    Args:
      options: what to fill.
      texts: where texts are read from when the options name none; standard input when None.

    Returns:
      How many texts were filled.

    Raises:
      UserError: an option, a file or a text cannot be used; no filling was written.
      JobError: the fillings could not be written; nothing is left of them.
    """
    _check(options)
    if options.input_file is not None:
        load = functools.partial(_fillings, options)
        return answer_file(options, ["text"], "texts", load, doing="filling", complaint=_lacks_mask)
    filler = _load(options)
    if options.text is not None:
        print(shown(filler.fill(options.text, options.top_k)))
        return 1
    return answer_lines(lambda line: shown(filler.fill(line, options.top_k)), texts, "text", "text")


def shown(masks: list[list[Candidate]]) -> str:
    """The fillings of a text as lines for people: a line for each candidate, an empty one between two masks."""
    return "\n\n".join("\n".join(f"{one.probability:.4f}  {one.token:16} {one.text}" for one in mask) for mask in masks)


def _check(options: FillMaskOptions) -> None:
    needed = {"init_checkpoint or model_dir": "the model that fills"}
    require_given(options, needed | ({} if options.input_file is None else {"output_file": "where the fillings go"}))
    check_model(options)
    check_one_or_many(options, ["text"], ["output_file"], "texts")
    if options.text is not None and not any(mark in options.text for mark in MARKS):
        raise UserError(f"--text holds no {MASK}; write {MASK} where a word is to be found")


def _load(options: FillMaskOptions) -> MaskFiller:
    path = options.model_path
    with loading(path):
        return MaskFiller.from_checkpoint(path, **options.beside_model)


def _fillings(options: FillMaskOptions) -> Answers:
    filler = _load(options)

    def fillings(rows: Iterator[Row]) -> Iterator[Row]:
        for masks in filler.filled((row["text"] for row in rows), options.top_k, options.batch_size):
            yield {"masks": [[dataclasses.asdict(candidate) for candidate in mask] for mask in masks]}

    return fillings


def _lacks_mask(row: Row) -> str:
    return "" if any(mark in row["text"] for mark in MARKS) else f"the text holds no {MASK}: {json.dumps(row['text'])[:60]}"
