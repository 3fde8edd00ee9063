"""Running text -> sentences, by rules.

A sentence ends at `.`, `!`, `?` or `…` with the quotes and brackets that close after it, where white space and then something
that can begin a sentence follow; not after a title, an initial or another common abbreviation. Chinese and Japanese full
stops end a sentence wherever they stand.
"""

import re

_CLOSING = "\"'”’»)\\]}」』）】》〉"
_OPENING = "\"'“‘«(\\[{「『（【《〈_*—–-"
# Full stops of scripts without spaces, with what closes after them; else an end mark before space and a possible beginning.
_ENDS = re.compile(
    rf"(?:[。！？｡]+[{_CLOSING}]*)(?=[^。！？｡{_CLOSING}])\s*"
    rf"|(?:[.!?…]+[{_CLOSING}_*]*)\s+(?=[{_OPENING}]*[^\W_a-zß-öø-ÿа-яё])"
)
_ABBREVIATIONS = re.compile(
    r"mr|mrs|ms|dr|prof|st|rev|hon|gen|col|capt|lt|sgt|maj|gov|sen|rep|jr|sr|messrs|mme|mlle|esq|vs|etc|nos?|vol|figs?|ch|chap|"
    r"pp|eds?|al|cf|dept|univ|inc|ltd|co|corp|bros|mt|ft|approx|e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|jan|feb|mar|apr|jun|jul|aug|"
    r"sept?|oct|nov|dec|viz",
    re.IGNORECASE,
)
_LAST_WORD = re.compile(r"([^\W\d_]+(?:\.[^\W\d_]+)*)\.$")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, without white space around them; joined they are the text but for white space."""
    sentences, begin = [], 0
    for match in _ENDS.finditer(text):
        sentence = text[begin : match.end()].strip()
        if _is_abbreviated(sentence):
            continue
        sentences.append(sentence)
        begin = match.end()
    rest = text[begin:].strip()
    return [*sentences, rest] if rest else sentences


def _is_abbreviated(sentence: str) -> bool:
    """Whether the last full stop belongs to an abbreviation or an initial."""
    if not sentence.endswith("."):
        return False
    word = _LAST_WORD.search(sentence[-24:])
    if not word:
        return False
    last = word.group(1)
    return _ABBREVIATIONS.fullmatch(last) is not None or (len(last) == 1 and last.isupper() and last != "I")
