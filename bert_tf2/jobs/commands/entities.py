"""The job of `python -m bert_tf2.entities`."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import TextIO

from bert_tf2 import cli
from bert_tf2.inference.entity_tagger import Entity, EntityTagger
from bert_tf2.jobs.commands.asking import Answers, Row, answer_file, answer_lines, check_one_or_many, loading
from bert_tf2.options import Options, at_least, option, require_given, required
from bert_tf2.runtime import job


@dataclasses.dataclass(frozen=True)
class EntitiesOptions(Options):
    """Which model, and where texts come from."""

    model: str | None = option(
        None,
        "The SavedModel of a tagging model that takes text: run_classifier.py --model_export_path=NAME writes it as NAME_text. A "
        "SavedModel is a program that runs with your rights: only this one is loaded, so give one that you trust.",
    )
    text: str | None = option(None, "One text. Without it texts are read from standard input, one a line.")
    input_file: str | None = option(
        None, 'Many texts: a file with a JSON object {"text": …} on each line, and "id" if you like.'
    )  # fmt: skip
    output_file: str | None = option(
        None,
        "Where their entities go, in the same order: a JSON object on each line with the id, if there is one, the text and "
        "entities, each with type, text, start, end (characters of the text, from 0) and probability. It appears when it is "
        "complete.",
    )
    on_bad_row: str = option(
        "fail",
        "What to do with a line of --input_file that holds no text: end before any is tagged, or leave it out, count it and list "
        "it in <output_file>.rejects.jsonl.",
        choices=("fail", "skip"),
    )
    batch_size: int = option(16, "How many texts of --input_file are tagged at a time.", check=at_least(1))


def command(description: str = "Finds entities in texts with an exported model.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(find_entities, EntitiesOptions, description)


@job
def find_entities(options: EntitiesOptions, texts: TextIO | None = None) -> int:
    """Tags one text, the lines of a stream, or a file of texts.

    Args:
      options: what to tag.
      texts: where texts are read from when the options name none; standard input when None.

    Returns:
      How many texts were tagged.

    Raises:
      UserError: an option or a file cannot be used; nothing was written.
      JobError: the entities could not be written; nothing is left of them.
    """
    _check(options)
    if options.input_file is None:
        tagger = _load(required(options.model))
        if options.text is not None:
            print(shown(tagger.tag(options.text)))
            return 1
        return answer_lines(lambda line: shown(tagger.tag(line)), texts, "text", "text")

    def load() -> Answers:
        tagger = _load(required(options.model))

        def answers(rows: Iterator[Row]) -> Iterator[Row]:
            rows, again = itertools.tee(rows)
            found = tagger.tagged((row["text"] for row in again), options.batch_size)
            for row, entities in zip(rows, found):
                yield {"text": row["text"], "entities": [dataclasses.asdict(entity) for entity in entities]}

        return answers

    return answer_file(options, ["text"], "texts", load, doing="tagging")


def shown(entities: Sequence[Entity]) -> str:
    """The entities of a text as one line for people."""
    if not entities:
        return "(no entity)"
    return "; ".join(
        f"{' '.join(entity.text.split())}  [{entity.type} {entity.probability:.4f}, characters {entity.start} to {entity.end}]"
        for entity in entities
    )


def _check(options: EntitiesOptions) -> None:
    needed = {"model": "an exported tagging model for text"}
    if options.input_file is not None:
        needed["output_file"] = "where the entities go"
    require_given(options, needed)
    check_one_or_many(options, ["text"], ["on_bad_row", "output_file"], "texts")


def _load(path: str) -> EntityTagger:
    with loading(path):
        tagger = EntityTagger.from_saved_model(path)
        # The first call costs much more than the others.
        tagger.tag("somebody")
    return tagger
