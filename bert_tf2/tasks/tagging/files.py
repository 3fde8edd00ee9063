"""The files that hold a tagger's predictions, made of the records alone."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.files import write_text
from bert_tf2.tasks.tagging.decoding import Tagged, probabilities
from bert_tf2.tasks.tagging.scores import entities

_WHITE_SPACE = re.compile(r"\s")


class SentenceWords(NamedTuple):
    """What the records of a sentence keep of it: its text, its words, and where they stand in the text, in code points."""

    text: str
    words: list[str]
    begins: list[int]
    ends: list[int]


def sentences_of(records: RecordSet) -> Iterator[SentenceWords]:
    """The sentences that records are of, those of several windows put together.

    Raises:
      UserError: the records hold no words.
    """
    columns = [records.values(name) for name in ("sub_sentence_id", "text", "words", "word_begins", "word_ends")]
    sentence = SentenceWords("", [], [], [])
    for row, (number, text, words, begins, ends) in enumerate(zip(*columns)):
        if not words:
            raise UserError(
                f"{records.location(row)} holds no words, so that its tags cannot be written; make the records with this "
                "version's create_finetuning_data.py"
            )
        if number == 0:
            if row:
                yield sentence
            sentence = SentenceWords(text, [], [], [])
        sentence.words.extend(words)
        sentence.begins.extend(begins)
        sentence.ends.extend(ends)
    if len(records):
        yield sentence


def write_tags(path: str, records: RecordSet, predicted: Sequence[list[str]], gold: Sequence[list[str]] | None = None) -> None:
    """Writes CoNLL's columns: word, gold tag where there is one, predicted tag, divided by spaces; blank lines divide sentences.

    White space in words is written as `_`, and so are words of nothing.
    """
    lines = []
    for number, sentence in enumerate(sentences_of(records)):
        columns = [[_WHITE_SPACE.sub("_", word) or "_" for word in sentence.words], predicted[number]]
        if gold is not None:
            columns.insert(1, gold[number])
        lines += [" ".join(cells) + "\n" for cells in zip(*columns, strict=True)]
        lines.append("\n")
    write_text(path, "".join(lines))


def write_entities(path: str, records: RecordSet, predicted: Sequence[list[str]], outcome: Tagged) -> None:
    """Writes a JSON object for each sentence: its `text`, and its `entities` with `type`, `text`, `start` and `end` (code points
    of the sentence's text) and `probability`."""
    found = list(map(entities, predicted))
    scores = probabilities(outcome, [[(begin, end) for _, begin, end in some] for some in found])
    lines = []
    for sentence, some, values in zip(sentences_of(records), found, scores, strict=True):
        rows = []
        for (kind, first, behind), value in zip(some, values):
            start, end = sentence.begins[first], sentence.ends[behind - 1]
            rows.append(
                {"type": kind, "text": sentence.text[start:end], "start": start, "end": end, "probability": round(value, 6)}
            )
        lines.append(json.dumps({"text": sentence.text, "entities": rows}, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))
