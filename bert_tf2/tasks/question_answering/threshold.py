"""The threshold for no answer that `--null_score_diff_threshold=auto` finds."""

from collections.abc import Sequence

from bert_tf2.tasks.base import Tuning
from bert_tf2.tasks.question_answering.character_scores import scorer
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers
from bert_tf2.tasks.question_answering.scores import best_null_threshold
from bert_tf2.tasks.question_answering.squad import Question

TUNING = Tuning(
    "--null_score_diff_threshold=auto",
    "null_score_diff_threshold.json",
    "evaluate first (--mode=eval --null_score_diff_threshold=auto with a file that has answers), or give a number",
    usual=0.0,
)


def find(questions: Sequence[Question], answers: DecodedAnswers, language: str) -> tuple[float, float]:
    """The threshold of the best F1 on questions whose answers are known, and that F1 in percent; of characters in a language
    without spaces."""
    return best_null_threshold(questions, answers.best_non_null, answers.null_odds, scorer(language))


def apply(answers: DecodedAnswers, threshold: float) -> None:
    """Makes the predictions of decoded answers anew: "" where its odds are above the threshold."""
    for id, odds in answers.null_odds.items():
        answers.predictions[id] = "" if odds > threshold else answers.best_non_null[id]
