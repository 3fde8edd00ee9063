"""Sentences with tags -> records and what metadata say of them."""

import collections
import dataclasses
import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.progress import during
from bert_tf2.tasks.preparation import Preparation, Read, Split
from bert_tf2.tasks.tagging.encoding import SentenceEncoder, continuations
from bert_tf2.tasks.tagging.facts import TaggingFacts
from bert_tf2.tasks.tagging.features import tagging_features
from bert_tf2.tasks.tagging.reading import SentenceFile
from bert_tf2.tasks.tagging.schemes import IOB2, PLAIN, complaint, labels_of, recognise
from bert_tf2.tasks.tagging.sentences import Sentence
from bert_tf2.tasks.tagging.statistics import TaggingStatistics, comparison_warnings
from bert_tf2.text.tokenizer import Tokenizer

ENTITY_METRICS = ("entity_f1", "entity_precision", "entity_recall", "token_accuracy")
_MOST_LABELS = 20_000


class TaggingPreparation(Preparation):
    """Prepares files of sentences.

    Args:
      sources: the files of each split.
      tokenizer: gives the pieces.
      max_seq_length: the most tokens of an input; longer sentences are cut into overlapping windows.
      labels: tags in the order of their ids; empty collects them from training and evaluation.
      facts: of the training whose model the records are for; None where there is none.
      scheme: how tags are written; None finds it from training and evaluation.
      label_all_tokens: see `TaggingFacts`.
    """

    unit = "sentences"

    def __init__(
        self,
        sources: Mapping[str, Sequence[SentenceFile]],
        tokenizer: Tokenizer,
        max_seq_length: int,
        labels: Sequence[str] = (),
        facts: TaggingFacts | None = None,
        scheme: str | None = None,
        label_all_tokens: bool = False,
    ):
        self.name = os.path.splitext(os.path.basename(next(iter(sources.values()))[0].path))[0]
        self.max_seq_length = max_seq_length
        self._sources, self.tokenizer = dict(sources), tokenizer
        texts = any(source.has_texts for some in sources.values() for source in some)
        self._labels = list(labels)
        self._unusable = BadRows(skip=True)
        self._tags_of_test = functools.cache(self._look_at_test)
        if facts is None:
            found, scheme = self._collected(scheme)
            self._labels = self._labels or found
            facts = TaggingFacts(scheme, label_all_tokens, texts)
        self._facts = facts
        self._ids = {label: id for id, label in enumerate(self._labels)}
        self._check_labels()
        self.features = tagging_features(facts.label_all_tokens)
        continued = continuations(self._labels) if facts.label_all_tokens else None
        self._encode = SentenceEncoder(tokenizer, max_seq_length, self._ids, continued)

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """The files' sentences; those whose tags break the scheme or are unknown are reported."""
        return {split: functools.partial(self._checked, split) for split in self._sources if split.split("_")[0] in wanted}

    def begin(self, split: Split) -> None:
        """Looks whether the sentences of a test file have tags."""
        split.statistics = counts = TaggingStatistics(self.max_seq_length)
        if split.is_test:
            counts.labelled, counts.unlabelled_because = self._tags_of_test(split.name)

    def encode(self, examples: Sequence[Sentence], split: Split) -> list[bytes]:
        """The records of some sentences: one for each window."""
        counts, serialize = split.statistics, split.encoder.encode
        records: list[bytes] = []
        for sentence in examples:
            if not counts.labelled:
                sentence = dataclasses.replace(sentence, tags=None)
            encoded = self._encode(sentence, counts.rows)
            counts.add_sentence(sentence, encoded, self._facts.tag_scheme != PLAIN)
            records += map(serialize, encoded.records)
        return records

    def check(self, splits: Sequence[Split]) -> None:
        """Refuses training without anything to learn."""
        for split in splits:
            tags = split.statistics.tags
            if split.name == "train" and len(tags) == 1:
                raise UserError(
                    f"{self._sources['train'][0].path}: all {split.statistics.words:,} words have the tag '{next(iter(tags))}'; "
                    f"there is nothing to learn. {self._right_column}"
                )

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """Labels, metrics and `TaggingFacts`."""
        metrics = ENTITY_METRICS if self._facts.tag_scheme != PLAIN else ENTITY_METRICS[-1:]
        tests = [split.statistics.labelled for split in splits if split.is_test]
        return {
            "num_labels": len(self._labels),
            "label_list": tuple(self._labels),
            "metrics": metrics,
            "best_metric": metrics[0],
            **dataclasses.asdict(self._facts),
            **({"test_has_labels": all(tests)} if tests else {}),
        }

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """Of the files, of each split, and of the splits beside each other."""
        sources = itertools.chain.from_iterable(self._sources.values())
        found = list(dict.fromkeys(source.notice for source in sources if source.notice))
        for split in splits:
            found += split.statistics.warnings(split.name)
        found += comparison_warnings({split.name: split.statistics for split in splits}, self._labels)
        return found + super().warnings(splits)

    def summary(self, split: Split) -> list[str]:
        """Counts of sentences, words, pieces and entities."""
        return split.statistics.lines(split.name, split.records)

    def _checked(self, split: str, bad_rows: BadRows) -> Iterator[Sentence]:
        has_tags = split.split("_")[0] != "test" or self._tags_of_test(split)[0]
        for sentence in self._sentences(split, bad_rows):
            found = self._complaint(sentence) if has_tags else None
            if found is None:
                yield sentence
            else:
                bad_rows.report(sentence.where(found[0]), found[1], list(sentence.words))

    def _complaint(self, sentence: Sentence) -> tuple[int, str] | None:
        """What is wrong with the tags of a sentence, and at which word."""
        if sentence.tags is None:
            return 0, "the sentence has no tags"
        found = complaint(sentence.tags, self._facts.tag_scheme)
        unknown = next((place for place, tag in enumerate(sentence.tags) if tag not in self._ids), None)
        if unknown is None or (found is not None and found[0] <= unknown):
            return found
        tag = sentence.tags[unknown]
        if not tag:
            return unknown, f"the word '{sentence.words[unknown][:40]}' has no tag"
        shown = ", ".join(self._labels[:20]) + (f", … ({len(self._labels)} in all)" if len(self._labels) > 20 else "")
        return unknown, f"unknown tag '{tag[:60]}'.{did_you_mean(tag, self._labels[:1000])} Known tags: {shown}"

    def _sentences(self, split: str, bad_rows: BadRows) -> Iterator[Sentence]:
        return itertools.chain.from_iterable(source.sentences(bad_rows) for source in self._sources[split])

    def _look_at_test(self, split: str) -> tuple[bool, str]:
        """Whether the sentences to predict have tags, and if something stands there that is none, what it is."""
        first, known = "", False
        for sentence in self._sentences(split, BadRows(skip=True)):
            if sentence.tags is None:
                return False, ""
            known = known or any(tag in self._ids for tag in sentence.tags)
            first = first or f"'{sentence.tags[0][:60]}' ({sentence.where()})"
        return (True, "") if known else (False, f"no tag is one of the training's; the first is {first}" if first else "")

    @during("reading tags")
    def _collected(self, scheme: str | None) -> tuple[list[str], str]:
        """Labels and scheme of the tags in training and evaluation; those of test sentences may be hidden."""
        splits = [split for split in self._sources if split in ("train", "eval")]
        if not splits and self._labels:
            return self._labels, scheme or recognise([label] for label in self._labels)
        if not splits:
            raise UserError(
                f"{self._path}: sentences to predict do not define tags; pass "
                "--input_meta_data_path=<model>/meta_data.json, which says them, or --labels"
            )
        tags: collections.Counter[str] = collections.Counter()
        first: dict[str, Sentence] = {}

        def seen() -> Iterator[Sequence[str]]:
            for split in splits:
                for sentence in self._sentences(split, self._unusable):
                    if sentence.tags is not None:
                        tags.update(sentence.tags)
                        first.setdefault(sentence.path, sentence)
                        yield sentence.tags
                    if len(tags) > _MOST_LABELS:
                        raise UserError(
                            f"{sentence.path}: more than {_MOST_LABELS:,} different tags; is --tag_column the column of tags?"
                        )

        of_texts = next((source for split in splits for source in self._sources[split] if source.has_texts), None)
        if of_texts is not None and scheme not in (None, IOB2):
            raise UserError(f"{of_texts.path}: the tags of spans are IOB2, so --tag_scheme={scheme} can do nothing; leave it out")
        found = recognise(seen())
        if scheme is None:
            scheme = found if of_texts is None else IOB2
        if scheme == PLAIN and not self._labels:
            _refuse_header(first.values(), tags)
        return labels_of(tags, scheme), scheme

    @property
    def _right_column(self) -> str:
        return f"Is it the right column (--{'span_column' if next(iter(self._sources.values()))[0].has_texts else 'tag_column'})?"

    @property
    def _path(self) -> str:
        """The first file, for messages."""
        return next(iter(self._sources.values()))[0].path

    def _check_labels(self) -> None:
        if len(self._labels) < 2:
            named = f"only the tag '{self._labels[0]}' occurs" if self._labels else "no tag occurs"
            if self._unusable.count:
                raise UserError(f"{self._unusable.first} (in the sentences that can be used {named}; at least 2 are needed)")
            raise UserError(f"{self._path}: {named}; at least 2 are needed. {self._right_column}")


def _refuse_header(first: Iterable[Sentence], tags: Mapping[str, int]) -> None:
    """Refuses a plain tag that stands in the first row of a file and nowhere else: a name of a column would become a tag.

    Raises:
      UserError: there is one.
    """
    for sentence in first:
        tag = sentence.tags[0] if sentence.tags else ""
        if sentence.lines[0] == 1 and len(sentence.lines) > 1 and tags[tag] == 1 and sum(tags.values()) > 3 * len(tags) > 6:
            raise UserError(
                f"{sentence.where()}: the tag '{tag}' occurs in the first row only; is that row a header? Remove it, or name the "
                "columns with --token_column and --tag_column (.tsv and .csv); if it is a tag, name all tags by --labels"
            )
