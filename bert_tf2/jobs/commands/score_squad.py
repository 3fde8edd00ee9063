"""The job of `python -m bert_tf2.score_squad`."""

import dataclasses
import logging
import math
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.squad_options import ANSWER_LANGUAGE_HELP, ANSWER_LANGUAGES
from bert_tf2.options import Options, option, require_given, required
from bert_tf2.runtime import job

logger = logging.getLogger(__name__)

_TITLES = {
    "exact_match": "exact match",
    "exact": "exact match",
    "f1": "F1",
    "HasAns_exact": "exact match, questions with an answer",
    "HasAns_f1": "F1, questions with an answer",
    "NoAns_exact": "exact match, questions without an answer",
    "NoAns_f1": "F1, questions without an answer",
    "best_exact": "best exact match",
    "best_f1": "best F1",
}
# The threshold that belongs to a score.
_THRESHOLD = "{}_thresh"


@dataclasses.dataclass(frozen=True)
class ScoreSquadOptions(Options):
    """What to score, and against what."""

    data_file: str | None = option(None, "SQuAD JSON with the gold answers, version 1.1 or 2.0.")
    predictions_file: str | None = option(None, 'The answers: {"question id": "answer", …}, as predictions.json.')
    null_odds_file: str | None = option(
        None,
        'How sure it is that a question has no answer: {"question id": number, …}, as null_odds.json. Only for version 2.0; '
        "adds the best scores that blanking the given answers by a threshold could give.",
    )
    output_file: str | None = option(None, "JSON file for the scores.")
    answer_language: str = option("auto", ANSWER_LANGUAGE_HELP, choices=ANSWER_LANGUAGES)


def command(description: str = "Scores SQuAD answers against the gold answers of a data file.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(score_squad, ScoreSquadOptions, description)


@job
def score_squad(options: ScoreSquadOptions) -> dict[str, float]:
    """Scores a predictions file, prints a table and returns the scores in per cent.

    Raises:
      UserError: a file cannot be used, the data have no gold answer, or no prediction is for one of their questions.
    """
    needed = {"data_file": "questions with gold answers, in SQuAD's JSON", "predictions_file": "the answers to score"}
    require_given(options, needed)
    from bert_tf2.tasks.question_answering.character_scores import WORDS, chosen, evaluate
    from bert_tf2.tasks.question_answering.scores import agreement
    from bert_tf2.tasks.question_answering.squad import Reading, read_paragraphs

    data_file = files.require_file(required(options.data_file), "data_file")
    predictions = read_predictions(files.require_file(required(options.predictions_file), "predictions_file"))
    reading = Reading()
    questions = [question for p in read_paragraphs([data_file], reading=reading) for question in p.questions]
    version_2 = reading.says_version_2
    if not any(question.answers for question in questions):
        raise UserError(f"{data_file}: no question has a gold answer, so nothing can be scored; is this a test set?")
    null_odds = None
    if options.null_odds_file is not None:
        path = files.require_file(options.null_odds_file, "null_odds_file")
        if not version_2:
            raise UserError(f"--null_odds_file is for SQuAD 2.0; in {data_file} every question has an answer")
        null_odds = _read_null_odds(path)
    found = agreement(questions, predictions)
    if len(found.missing) == len(questions):
        raise UserError(
            f"{options.predictions_file} has no prediction for any of the {len(questions):,} questions of {data_file} "
            f"(its first id is {found.unknown[0]}, theirs {found.missing[0]}); they do not belong together"
        )
    for warning in (*reading.warnings(), *found.warnings()):
        logger.warning("%s", warning)
    language, line = chosen(questions, options.answer_language)
    if language != WORDS or options.answer_language != "auto":
        print(line)
    scores = evaluate(questions, predictions, version_2, null_odds, language)
    counts = {"total": len(questions), "missing_predictions": len(found.missing), "unknown_predictions": len(found.unknown)}
    if options.output_file is not None:
        files.write_json(files.expand(options.output_file), scores | counts)
    print("\n".join(_table(scores, f"SQuAD {'2.0' if version_2 else '1.1'}", len(questions))))
    return scores


def read_predictions(path: str) -> dict[str, str]:
    """Reads answers by question id.

    Raises:
      UserError: the file is not such an object, or is empty.
    """
    return _read_object(path, "an answer", lambda value: isinstance(value, str), "a text")


def _read_null_odds(path: str) -> dict[str, float]:
    def is_number(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

    return _read_object(path, "a number", is_number, "a finite number")


def _read_object(path: str, what: str, fits: Any, kind: str) -> dict[str, Any]:
    value = files.read_json(path, f"{what} for each question id in JSON", "give the file that the prediction wrote")
    if not isinstance(value, dict):
        raise UserError(f'{path}: must be an object {{"question id": {what}, …}}; found {_shown(value)}')
    if not value:
        raise UserError(f"{path}: holds nothing; expected {what} for each question id")
    for id, entry in value.items():
        if not fits(entry):
            hint = "; is this nbest_predictions.json?" if isinstance(entry, list) else ""
            hint = "; is this the data file?" if id in ("data", "version") else hint
            raise UserError(f"{path}: the value of {id!r} must be {kind}; found {_shown(entry)}{hint}")
    return value


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    return "null" if value is None else repr(value)[:40]


def _table(scores: dict[str, float], title: str, total: int) -> list[str]:
    rows = [(f"{title}, {total:,} questions", "")]
    for key, value in scores.items():
        plain = key.removeprefix("char_")
        if plain not in _TITLES:
            continue
        name, group = _TITLES[plain], f"{plain.split('_')[0]}_total"
        if plain.startswith(("HasAns", "NoAns")):
            name += f" ({scores[group]:,})"
        if plain != key:
            name += ", by characters"
        if _THRESHOLD.format(key) in scores:
            name += f" (threshold {scores[_THRESHOLD.format(key)]:.6g})"
        rows.append((name, f"{value:.4f}"))
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {value:>9}".rstrip() for name, value in rows]
