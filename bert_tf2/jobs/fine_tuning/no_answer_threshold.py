"""The threshold for no answer that `--null_score_diff_threshold=auto` finds, and where it is kept."""

import dataclasses
import os
from collections.abc import Sequence

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.character_scores import scorer
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers
from bert_tf2.tasks.question_answering.scores import best_null_threshold
from bert_tf2.tasks.question_answering.squad import Question

FILE = "null_score_diff_threshold.json"


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A threshold and where it comes from.

    Attributes:
      value: for `null_odds`: above it the answer is "".
      f1: with it, in percent; of characters in a language without spaces.
      global_step: of the checkpoint.
      predict_file: the file it was found on.
    """

    value: float
    f1: float
    global_step: int
    predict_file: str


def find(questions: Sequence[Question], answers: DecodedAnswers, step: int, predict_file: str, language: str) -> Threshold:
    """The threshold with the best F1 on questions whose answers are known."""
    value, f1 = best_null_threshold(questions, answers.best_non_null, answers.null_odds, scorer(language))
    return Threshold(value, f1, step, predict_file)


def apply(answers: DecodedAnswers, threshold: float) -> None:
    """Makes the predictions of decoded answers anew with a threshold."""
    for id, odds in answers.null_odds.items():
        answers.predictions[id] = "" if odds > threshold else answers.best_non_null[id]


def write(directory: str, threshold: Threshold) -> None:
    """Keeps a threshold beside the checkpoints."""
    files.write_json(os.path.join(directory, FILE), dataclasses.asdict(threshold))


def is_kept(directory: str, step: int | None) -> bool:
    """Whether a threshold was found for a checkpoint; for any where its step is not known."""
    path = os.path.join(directory, FILE)
    stored = files.read_json(path) if files.exists(path) else None
    return isinstance(stored, dict) and step in (None, stored.get("global_step"))


def read(directory: str, step: int) -> float:
    """The threshold that was found for a checkpoint.

    Raises:
      UserError: none was found, or it was found for another checkpoint.
    """
    path = os.path.join(directory, FILE)
    advice = "evaluate first (--mode=eval --null_score_diff_threshold=auto with a file that has answers), or give a number"
    try:
        stored = files.read_json(path)
        value, found_at = float(stored["value"]), stored["global_step"]
    except UserError:
        raise UserError(f"--null_score_diff_threshold=auto: there is no {path}; {advice}") from None
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path} holds no threshold; {advice}") from None
    if found_at != step:
        raise UserError(
            f"--null_score_diff_threshold=auto: {path} was found for the checkpoint of step {found_at}, not of {step}; {advice}"
        )
    return value
