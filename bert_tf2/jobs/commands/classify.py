"""The job of `python -m bert_tf2.classify`."""

import dataclasses
import os
from typing import Any, TextIO

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import Prediction, TextClassifier, is_empty
from bert_tf2.jobs.commands.asking import answer_lines, check_one_or_many, loading, told_when_written
from bert_tf2.jobs.commands.input_file import InputFile
from bert_tf2.jobs.commands.rows_to_classify import check_output, write_rows
from bert_tf2.options import Options, at_least, option, require_given, required
from bert_tf2.progress import track
from bert_tf2.runtime import job

_OF_INPUT_FILES = ("text_column", "text_b_column", "output_file", "overwrite")
_MOST_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class ClassifyOptions(Options):
    """Which model, and where texts come from."""

    model_dir: str | None = option(
        None,
        "The directory in which run_classifier.py trained, or a model for text that it exported (NAME_text of "
        "--model_export_path=NAME). A SavedModel is a program that runs with your rights: give one that you trust.",
    )
    load_checkpoint: str = option("newest", "Which checkpoint of a training's directory predicts.", choices=("newest", "best"))
    text: str | None = option(None, "One text. Without it texts are read from standard input, one a line.")
    text_b: str | None = option(None, "The second text, where --text is the first of a pair.")
    input_file: str | None = option(
        None,
        "Many texts: a TSV, CSV or JSONL file with a column of texts, or a .txt file with a text on each line. Labels are not "
        "needed and not read.",
    )
    text_column: str | None = option(None, "Name or place (from 0) of the text [default: text, sentence, …].")
    text_b_column: str | None = option(None, "Name or place of the second text of a pair [default: text_b, sentence2, …].")
    output_file: str | None = option(
        None,
        "Where predictions go, as TSV, CSV or JSONL by its name: the rows of --input_file in their order, with all columns, then "
        "the prediction and the probability of every class. It appears when it is complete.",
    )
    overwrite: bool = option(False, "Replace an --output_file that is there.")
    batch_size: int = option(32, "How many texts go through the model at a time; changes no result.", check=at_least(1))


def command(description: str = "Classifies texts with a trained or exported model.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(classify, ClassifyOptions, description)


@job
def classify(options: ClassifyOptions, texts: TextIO | None = None) -> int:
    """Classifies one text, the lines of a stream, or a file of texts.

    Args:
      options: what to classify.
      texts: where texts are read from when the options name none; standard input when None.

    Returns:
      How many texts were classified.

    Raises:
      UserError: an option, a file or a row cannot be used; no prediction was written.
      JobError: the predictions could not be written; nothing is left of them.
    """
    _check(options)
    if options.input_file is not None:
        source = InputFile(files.require_file(options.input_file, "input_file"), options.text_column, options.text_b_column)
        # All of it is looked at before the model is loaded.
        check_output(required(options.output_file), source, ["prediction"])
        count = sum(1 for _ in source.rows())
        classifier = _load(options)
        _check_kind(classifier, source.has_pairs, f"--input_file={options.input_file}", "--text_b_column")
        return _classify_file(classifier, options, source, count)
    classifier = _load(options)
    if options.text is not None:
        _check_kind(classifier, options.text_b is not None, "--text", "--text_b")
        print(shown(classifier.predict(options.text, options.text_b)))
        return 1

    def answer(line: str) -> str:
        text, text_b = _pair(line)
        if is_empty(text, text_b):
            raise UserError("empty text")
        _check_kind(classifier, text_b is not None, "the line", "a tab between the two")
        return shown(classifier.predict(text, text_b))

    return answer_lines(answer, texts, "text", "text")


def shown(prediction: Prediction) -> str:
    """A prediction as one line for people: the class or classes and the likeliest ones' probabilities, or the number."""
    if prediction.score is not None:
        return f"{prediction.score:.6g}"
    named = prediction.label if prediction.labels is None else ", ".join(prediction.labels) or "no label"
    likeliest = sorted(prediction.probabilities.items(), key=lambda entry: -entry[1])[:_MOST_SHOWN]
    rest = len(prediction.probabilities) - len(likeliest)
    listed = ", ".join(f"{label} {probability:.4f}" for label, probability in likeliest)
    return f"{named}  [{listed}{f', {rest} more' if rest else ''}]"


def _check_kind(classifier: TextClassifier, is_pair: bool, what: str, by: str) -> None:
    """Checks that texts are such as the model was trained on; `by` is what gives the second text of a pair.

    Raises:
      UserError: they are not.
    """
    if classifier.has_pairs in (None, is_pair):
        return
    if classifier.has_pairs:
        raise UserError(f"{what} holds single texts, but the model was trained on pairs of texts; give the second with {by}")
    cure = "rename the column of the second one" if by == "--text_b_column" else f"leave out {by}"
    raise UserError(f"{what} holds pairs of texts, but the model was trained on single texts; {cure}")


def _pair(line: str) -> tuple[str, str | None]:
    text, tab, text_b = line.partition("\t")
    return text, text_b if tab else None


def _check(options: ClassifyOptions) -> None:
    needed = {"model_dir": "the directory of a training, or an exported model for text"}
    require_given(options, needed | ({} if options.input_file is None else {"output_file": "where the predictions go"}))
    check_one_or_many(options, ["text", "text_b"], _OF_INPUT_FILES, "texts")
    if options.input_file is None:
        if options.text is not None and is_empty(options.text, options.text_b):
            raise UserError("--text: empty text")
        if options.text_b is not None and options.text is None:
            raise UserError("--text_b is the second text of a pair; give the first with --text, or both in --input_file")
        return
    target = required(options.output_file)
    if files.exists(files.expand(target)) and not options.overwrite:
        raise UserError(f"--output_file={target} is there already; name another file, or give --overwrite")
    if os.path.isdir(files.expand(target)):
        raise UserError(f"--output_file={target} is a directory; name a file in it, such as predictions.tsv")


def _load(options: ClassifyOptions) -> TextClassifier:
    path = required(options.model_dir)
    with loading(path):
        classifier = TextClassifier.load(path, options.load_checkpoint)
        # The first call costs much more than the others.
        classifier.predict("a", "a" if classifier.has_pairs else None)
    return classifier


def _classify_file(classifier: TextClassifier, options: ClassifyOptions, source: InputFile, count: int) -> int:
    target = files.expand(required(options.output_file))
    # The rows are read twice side by side; those between the two readers are a few batches.
    predictions = classifier.predictions(((row.text, row.text_b) for row in source.rows()), options.batch_size)
    names = _names(classifier)
    cells = (_cells(prediction) for prediction in track(predictions, "classifying", count, "texts"))
    with told_when_written(target, count, "predictions"):
        write_rows(target, source, names, cells, classifier.labels)
    return count


def _names(classifier: TextClassifier) -> list[str]:
    return ["prediction", *(f"probability_{label}" for label in classifier.labels)]


def _cells(prediction: Prediction) -> list[Any]:
    if prediction.score is not None:
        return [prediction.score]
    chosen = prediction.label if prediction.labels is None else list(prediction.labels)
    return [chosen, *prediction.probabilities.values()]
