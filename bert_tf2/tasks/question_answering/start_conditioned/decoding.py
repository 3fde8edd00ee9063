"""From the best starts, the best ends of each and what says that there is no answer, to answers.

The rules are those of XLNet's `write_predictions` (zihangdai/xlnet, `run_squad.py`): pairs are ordered by the sum of their
log-probabilities, "" is none of the n-best, and the lowest answerability logit of a question's windows is its null score. It is
compared with the threshold itself; there the answer is never "", and the evaluation looks for the threshold. Otherwise than
there a window's last token of context may be an answer's, and a question without any pair that counts is answered "".
"""

from typing import TYPE_CHECKING

import numpy as np

from bert_tf2.tasks.question_answering.decoding import (
    NO_NULL_SCORE,
    DecodedAnswers,
    Decoder,
    DecodingOptions,
    Entry,
    Pairs,
    decode_windows,
    pairs_that_count,
    require_finite,
    with_probabilities,
)
from bert_tf2.tasks.question_answering.start_conditioned.head import END, END_PLACES, NO_ANSWER, START, START_PLACES

if TYPE_CHECKING:
    from bert_tf2.tasks.question_answering.windows import QuestionSet

# What XLNet's code gives both log-probabilities of the answer where no pair counts.
_NOTHING_FOUND = -1e6


def decode_conditioned(questions: "QuestionSet", outputs: dict[str, np.ndarray], options: DecodingOptions) -> DecodedAnswers:
    """Decodes every question; one whose context has no token is answered "".

    Args:
      questions: W windows of Q questions.
      outputs: of `AnswerHead.call`, for each window; `cls_logits` only with `version_2`.
      options: see there.

    Raises:
      JobError: a number is nan or infinite.
    """
    expected = len(questions.windows.question)
    if any(len(value) != expected for value in outputs.values()):
        raise ValueError(
            f"outputs of {expected} windows expected; got { ({name: len(value) for name, value in outputs.items()}) }"
        )

    def pairs_of(part: slice, max_context_begin: np.ndarray) -> Pairs:
        found = {name: value[part] for name, value in outputs.items()}
        for name in (START, END, *([NO_ANSWER] if options.version_2 else [])):
            require_finite(questions, part, np.isfinite(found[name]))
        starts = found[START_PLACES].astype(np.int64), found[START].astype(np.float64)
        ends = found[END_PLACES].astype(np.int64), found[END].astype(np.float64)
        nothing = np.zeros(len(starts[0]))
        nulls = found[NO_ANSWER].astype(np.float64) if options.version_2 else nothing, nothing
        return pairs_that_count(questions, part, max_context_begin, starts, ends, nulls, options)

    return decode_windows(_ConditionedDecoder(questions, options), questions, pairs_of)


class _ConditionedDecoder(Decoder):
    """Where "" competes with no other answer."""

    def _decode_question(self, question: int, pairs: range, null: tuple[float, float] | None) -> None:
        options, answers = self._options, self.answers
        id = self._questions.questions[question].id
        entries: list[Entry] = []
        seen: dict[str, tuple[int, int]] = {}
        self._keep_new_texts(pairs, seen, entries)
        best = self._keep_best(id, entries, seen)
        entries = entries or [("", _NOTHING_FOUND, _NOTHING_FOUND)]
        answers.nbest[id] = with_probabilities(entries, "start_log_prob", "end_log_prob")[: options.n_best_size]
        answers.predictions[id] = answers.best_non_null[id]
        if options.version_2:
            answers.null_odds[id] = null[0] if null else NO_NULL_SCORE
            if best is None or answers.null_odds[id] > options.null_score_diff_threshold:
                answers.predictions[id] = ""
