"""Scores of answers in languages that write no spaces, where SQuAD's words are whole sentences.

Chinese: those of CMRC 2018 (Cui et al. 2019, "A Span-Extraction Dataset for Chinese Machine Reading Comprehension"; its
`cmrc2018_evaluate.py`, which is used for DRCD as well): every Chinese character and every word of another script is a segment,
punctuation does not count, and F1 is of the longest run of segments that two answers share. Other languages without spaces are
scored the same way, with every letter of their scripts as a segment.
"""

import functools
import itertools
import re
from collections.abc import Iterable, Mapping

from bert_tf2.tasks.question_answering.scores import QuestionScore, ScoreOf, evaluate_v1, evaluate_v2
from bert_tf2.tasks.question_answering.squad import Question

WORDS, CHINESE, CHARACTERS = "words", "chinese", "characters"
AUTOMATIC = "auto"
_WRITTEN = {WORDS: "in words between spaces", CHINESE: "in Chinese", CHARACTERS: "in a script without spaces"}
_NAMES = {
    WORDS: "those of SQuAD's scripts, on words",
    CHINESE: "char_f1 and its exact match are those of CMRC 2018's script, on Chinese characters; those of SQuAD's stand beside",
    CHARACTERS: "char_f1 and its exact match are on characters, after CMRC 2018's script; those of SQuAD's stand beside",
}
PREFIX = "char_"
"""What stands before the names of these scores."""

# What CMRC's script leaves out; most ASCII punctuation it keeps.
_IGNORED = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_WITHOUT_IGNORED = {ord(character): None for character in _IGNORED}
_HAN = "\u4e00-\u9fa5"
# Han beyond CMRC's range, kana, Thai, Lao, Tibetan, Burmese, Khmer. Combining vowel signs are characters as well.
_UNSPACED = f"{_HAN}\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u9fa6-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_UNSPACED += "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
# A character, or what lies between two.
_SEGMENTS = {
    language: re.compile(f"([{characters}])|([^{characters}]+)")
    for language, characters in ((CHINESE, _HAN), (CHARACTERS, _UNSPACED))
}
_IS_HAN, _IS_UNSPACED = re.compile("[\u3400-\u9fff]"), re.compile(f"[{_UNSPACED}]")
# Questions looked at for the language.
_SAMPLE = 1000


def scorer(language: str) -> ScoreOf | None:
    """The function that scores an answer by its segments; a question without gold answers is right when "" was predicted.

    Args:
      language: `CHINESE` or `CHARACTERS`; for `WORDS` there is none.
    """
    if language == WORDS:
        return None

    def score(question: Question, predicted: str) -> QuestionScore:
        if not question.answers:
            return QuestionScore(int(not predicted), float(not predicted))
        bare = _bare(predicted)
        exact = any(_bare(answer.text) == bare for answer in question.answers)
        found = segments(predicted, language)
        return QuestionScore(int(exact), max(_shared_run_f1(segments(a.text, language), found) for a in question.answers))

    return score


def evaluate(
    questions: Iterable[Question],
    predictions: Mapping[str, str],
    version_2: bool,
    null_odds: Mapping[str, float] | None = None,
    language: str = WORDS,
) -> dict[str, float]:
    """SQuAD's scores in per cent, as `evaluate_v1` and `evaluate_v2`, and beside them those by segments, as `char_f1`.

    Raises:
      UserError: as those.
    """
    questions, score = list(questions), scorer(language)
    if version_2:
        scores = evaluate_v2(questions, predictions, null_odds)
        more = evaluate_v2(questions, predictions, null_odds, score) if score else {}
    else:
        scores = evaluate_v1(questions, predictions)
        more = evaluate_v1(questions, predictions, score) if score else {}
    return scores | {f"{PREFIX}{name}": value for name, value in more.items() if isinstance(value, float)}


def language_of(questions: Iterable[Question]) -> str:
    """How the questions are written: `CHINESE` or `CHARACTERS` where most of their letters are of scripts without spaces."""
    letters = han = unspaced = 0
    for question in itertools.islice(questions, _SAMPLE):
        for character in question.text:
            if character.isalpha():
                letters += 1
                han += bool(_IS_HAN.match(character))
                unspaced += bool(_IS_UNSPACED.match(character))
    if 2 * unspaced <= letters:
        return WORDS
    # Japanese is about half kana.
    return CHINESE if 10 * han >= 9 * unspaced else CHARACTERS


@functools.lru_cache(maxsize=1 << 16)
def segments(text: str, language: str) -> tuple[str, ...]:
    """The characters and words of a text that are compared."""
    found: list[str] = []
    for character, others in _SEGMENTS[language].findall(_bare(text)):
        found.extend(character or treebank_words(others))
    return tuple(found)


def treebank_words(text: str) -> list[str]:
    """Words and signs of a lower-case text by the conventions of the Penn Treebank (Marcus et al. 1993), as NLTK's
    `word_tokenize`, which CMRC's script applies to what is not Chinese: "$3.5" is two, "don't" is "do" and "n't"."""
    for pattern, replacement in _TREEBANK:
        text = pattern.sub(replacement, text)
    return text.split()


# In order. Quotation marks become `` where they open and '' where they close.
_TREEBANK = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[«‘„]", r" \g<0> "),
        (r"^\"|(?<=[ (\[{<])(?:\"|'')", " `` "),
        (r"(?<!\w)'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", "' "),
        # The full stop at the end, with what closes after it.
        (r"(?<=[^.])\.([\])}>\"'» ]*)$", r" . \1 "),
        (r",(?!\d)", " , "),
        (r"\.{2,}|[;@#$%&?!\u2012-\u2015\[\](){}<>»]", r" \g<0> "),
        (r"(?<=[^'])'(?=[\s\"]|$)", " ' "),
        (r"''|\"", " '' "),
        (r"(?<=[^'\s])('(?:[smd]|ll|re|ve)|n't)(?=\s|$)", r" \1"),
        (r"\b(can)(not)\b|\b(gim|lem)(me)\b|\b(gon)(na)\b|\b(got)(ta)\b|\b(wan)(na)(?=\s)", r"\1\3\5\7\9 \2\4\6\8\10"),
        (r"(?<=\s)('t)(is|was)\b|\b(d)('ye)\b|\b(more)('n)\b", r"\1\3\5 \2\4\6"),
    )
]


def chosen(questions: Iterable[Question], given: str) -> tuple[str, str]:
    """The language of the scores, and a line that says which they are and why.

    Args:
      questions: some of those that are scored.
      given: `--answer_language`: a language, or `auto`.
    """
    language = language_of(questions) if given == AUTOMATIC else given
    because = f"the questions are written {_WRITTEN[language]}" if given == AUTOMATIC else f"--answer_language={given}"
    return language, f"scores: {_NAMES[language]} ({because})"


def _bare(text: str) -> str:
    return text.lower().strip().translate(_WITHOUT_IGNORED)


def _shared_run_f1(gold: tuple[str, ...], predicted: tuple[str, ...]) -> float:
    """F1 of the longest run that two lists of segments share; 0 when they share none."""
    longest, before = 0, [0] * (len(predicted) + 1)
    for segment in gold:
        row = [0] * (len(predicted) + 1)
        for place, other in enumerate(predicted, 1):
            if segment == other:
                row[place] = before[place - 1] + 1
        longest, before = max(longest, *row), row
    if not longest:
        return 0.0
    precision, recall = longest / len(predicted), longest / len(gold)
    return (2 * precision * recall) / (precision + recall)
