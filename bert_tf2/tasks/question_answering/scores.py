"""SQuAD's scores of predicted answers, equal to the official scripts of version 1.1 and 2.0 to the last digit.

Two texts are compared without case, punctuation, articles and extra white space (Rajpurkar et al. 2016, section 6.1): exact
match, and F1 of their words. Of several gold answers the best counts. Version 2.0 (Rajpurkar et al. 2018): a question without
an answer is right when "" was predicted.
"""

import collections
import dataclasses
import functools
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence

from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.squad import Question

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


@dataclasses.dataclass(frozen=True)
class QuestionScore:
    """How good one predicted answer is: `exact` is 0 or 1, `f1` from 0 to 1; both are 0 where there is no prediction."""

    exact: int
    f1: float


# Scores one predicted answer to a question.
ScoreOf = Callable[[Question, str], QuestionScore]


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Which ids of questions and of predictions do not meet."""

    missing: list[str]
    unknown: list[str]

    def warnings(self) -> list[str]:
        """One line for each kind."""
        found = []
        for ids, what in (
            (self.missing, "questions have no prediction and score 0"),
            (self.unknown, "predictions are for ids that are not in the data and are not used"),
        ):
            if ids:
                found.append(f"{len(ids):,} {what} (ids {_shown(ids)})")
        return found


def agreement(questions: Iterable[Question], predictions: Mapping[str, object]) -> Agreement:
    """Compares the ids of questions and predictions; the former in the order of the data, the latter in theirs."""
    ids = [question.id for question in questions]
    known = set(ids)
    return Agreement([id for id in ids if id not in predictions], [id for id in predictions if id not in known])


@functools.lru_cache(maxsize=1 << 16)
def normalized(text: str) -> str:
    """The text as it is compared: lower case, then no punctuation, no articles, one space between words."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def _shared_words_f1(gold: str, predicted: str) -> float:
    """F1 of the words of two normalized texts; 0 when they share none."""
    gold_words, predicted_words = gold.split(), predicted.split()
    same = sum((collections.Counter(predicted_words) & collections.Counter(gold_words)).values())
    if same == 0:
        return 0
    # In this order the last digit is that of the official scripts.
    precision, recall = same / len(predicted_words), same / len(gold_words)
    return (2 * precision * recall) / (precision + recall)


def score_v1(question: Question, predicted: str) -> QuestionScore:
    """Scores an answer as version 1.1 does.

    Raises:
      UserError: the question has no gold answer.
    """
    require_answers([question])
    text = normalized(predicted)
    golds = {normalized(answer.text) for answer in question.answers}
    return QuestionScore(int(text in golds), max(_shared_words_f1(gold, text) for gold in golds))


def require_answers(questions: Iterable[Question]) -> None:
    """Checks what version 1.1 needs.

    Raises:
      UserError: a question has no gold answer.
    """
    for question in questions:
        if not question.answers:
            raise UserError(
                f"question {question.id} has no gold answer, so no prediction can be scored; "
                'where a question has none on purpose, as in version 2.0, the data must say "is_impossible": true'
            )


def score_v2(question: Question, predicted: str) -> QuestionScore:
    """Scores an answer as version 2.0 does; a gold answer of which nothing remains once normalized does not count."""
    text = normalized(predicted)
    golds = {gold for answer in question.answers if (gold := normalized(answer.text))} or {""}
    f1 = max(float(gold == text) if not gold or not text else _shared_words_f1(gold, text) for gold in golds)
    return QuestionScore(int(text in golds), f1)


def question_scores(
    questions: Iterable[Question], predictions: Mapping[str, str], version_2: bool, score: ScoreOf | None = None
) -> dict[str, QuestionScore]:
    """The score of every question by its id, in the order of the questions.

    Args:
      questions: with their gold answers.
      predictions: answers by question id.
      version_2: whether a question may have no answer.
      score: scores one answer; None is SQuAD's way.

    Raises:
      UserError: a question of version 1.1 has no gold answer.
    """
    if score is None:
        score = score_v2 if version_2 else score_v1
    elif not version_2:
        require_answers(questions)
    nothing = QuestionScore(0, 0)
    return {q.id: score(q, predictions[q.id]) if q.id in predictions else nothing for q in questions}


def _percentages(scores: Sequence[QuestionScore]) -> tuple[float, float]:
    return 100.0 * sum([s.exact for s in scores]) / len(scores), 100.0 * _sum([s.f1 for s in scores]) / len(scores)


def _sum(values: Iterable[float]) -> float:
    """One value after the other, as every Python did before 3.12; `sum` rounds otherwise since."""
    return functools.reduce(lambda total, value: total + value, values, 0.0)


def evaluate_v1(questions: Iterable[Question], predictions: Mapping[str, str], score: ScoreOf | None = None) -> dict[str, float]:
    """`exact_match` and `f1` in per cent, as the official script of version 1.1 prints them.

    Args:
      questions: all of them count; one without a prediction scores 0.
      predictions: answers by question id; others are not looked at (see `agreement`).
      score: scores one answer; None is the official script's way.

    Raises:
      UserError: there is no question, or one without gold answers.
    """
    scores = list(question_scores(_some(questions), predictions, False, score).values())
    exact, f1 = _percentages(scores)
    return {"exact_match": exact, "f1": f1}


def evaluate_v2(
    questions: Iterable[Question],
    predictions: Mapping[str, str],
    null_odds: Mapping[str, float] | None = None,
    score: ScoreOf | None = None,
) -> dict[str, float]:
    """The official script's scores of version 2.0 in per cent and, with `null_odds`, the best that a threshold could give.

    `exact` and `f1` are of the predictions as they are: unlike the script, which by default blanks those with odds above 1.0,
    nothing is done to them. A question without a prediction scores 0 (the script leaves it out, or ends with an error).

    Args:
      questions: all of them count.
      predictions: answers by question id; others are not looked at (see `agreement`).
      null_odds: by question id, the higher the surer that there is no answer.
      score: scores one answer; None is the official script's way.

    Raises:
      UserError: there is no question, or one is predicted and has no null odds.
    """
    questions = _some(questions)
    scores = question_scores(questions, predictions, True, score)
    exact, f1 = _percentages(list(scores.values()))
    result: dict[str, float] = {"exact": exact, "f1": f1, "total": len(questions)}
    for name, has_answer in (("HasAns", True), ("NoAns", False)):
        part = [scores[question.id] for question in questions if bool(question.answers) == has_answer]
        if part:
            exact, f1 = _percentages(part)
            result |= {f"{name}_exact": exact, f"{name}_f1": f1, f"{name}_total": len(part)}
    if null_odds is not None:
        _require_odds(questions, predictions, null_odds)
        for name in ("exact", "f1"):
            values = {id: getattr(score, name) for id, score in scores.items()}
            result[f"best_{name}"], result[f"best_{name}_thresh"] = _best_blanking(questions, predictions, values, null_odds)
    return result


def _best_blanking(
    questions: Sequence[Question], predictions: Mapping[str, str], values: Mapping[str, float], null_odds: Mapping[str, float]
) -> tuple[float, float]:
    """The best score when answers with odds above a threshold are blanked, and the threshold; as the official script finds it.

    It looks at the predictions, so where they are blank already it cannot find their answers again (`best_null_threshold` does),
    and of questions with equal odds it may count a part.
    """
    has_answer = {question.id: bool(question.answers) for question in questions if question.id in predictions}
    current: float = len(has_answer) - sum(has_answer.values())
    best = current
    threshold = 0.0
    for id in sorted(null_odds, key=null_odds.__getitem__):
        if id in has_answer:
            current += values[id] if has_answer[id] else -1 if predictions[id] else 0
            if current > best:
                best, threshold = current, null_odds[id]
    return 100.0 * best / len(values), threshold


def best_null_threshold(
    questions: Iterable[Question],
    best_non_null: Mapping[str, str],
    null_odds: Mapping[str, float],
    score: ScoreOf | None = None,
) -> tuple[float, float]:
    """The `null_score_diff_threshold` with the highest F1, and that F1 in per cent.

    "" is predicted where the odds are above the threshold. It lies halfway between the odds of two questions, so that logits
    that differ in their last digits give the same answers, or 1 beyond the lowest or the highest. Of thresholds that are
    equally good it is the one nearest to 0, Google's default, and of two as near the lower.

    Args:
      questions: with gold answers, or without where there is none.
      best_non_null: for each question the best answer other than "".
      null_odds: for each question the score of "" minus that answer's.
      score: scores one answer; None is the official script's way.

    Raises:
      UserError: there is no question, or one has no odds.
    """
    questions = _some(questions)
    _require_odds(questions, best_non_null, null_odds)
    answered = question_scores(questions, best_non_null, True, score)
    blank = question_scores(questions, {question.id: "" for question in questions if question.id in best_non_null}, True, score)
    ids = sorted((question.id for question in questions if question.id in best_non_null), key=null_odds.__getitem__)
    if not ids:
        raise UserError("no question has a prediction, so no threshold can be found")
    odds = [null_odds[id] for id in ids]
    total = _sum([blank[id].f1 for id in ids])
    found = [(total, odds[0] - 1.0)]
    for i, id in enumerate(ids):
        total += answered[id].f1 - blank[id].f1
        following = odds[i + 1] if i + 1 < len(ids) else odds[i] + 2.0
        if following > odds[i]:
            halfway = odds[i] + (following - odds[i]) / 2
            found.append((total, halfway if halfway < following else odds[i]))
    # Sums of the same values in another order differ in their last digits.
    highest = max(total for total, _ in found)
    threshold = min((threshold for total, threshold in found if total >= highest - 1e-9), key=lambda value: (abs(value), value))
    chosen = [(blank if null_odds.get(q.id, 0.0) > threshold else answered)[q.id] for q in questions]
    return threshold, _percentages(chosen)[1]


def _require_odds(questions: Sequence[Question], predictions: Mapping[str, str], null_odds: Mapping[str, float]) -> None:
    without = [question.id for question in questions if question.id in predictions and question.id not in null_odds]
    if without:
        raise UserError(f"{len(without):,} predicted questions have no null odds (ids {_shown(without)})")


def _some(questions: Iterable[Question]) -> list[Question]:
    questions = list(questions)
    if not questions:
        raise UserError("there is no question to score")
    return questions


def _shown(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
