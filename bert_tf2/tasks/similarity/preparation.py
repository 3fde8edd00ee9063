"""Texts that are compared -> records, and what metadata say of them."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf2.data.encoding import id_encoder
from bert_tf2.data.examples import pack_ids
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.progress import during
from bert_tf2.tasks.preparation import Preparation, Read, Split, left_out
from bert_tf2.tasks.similarity.examples import SimilarityExample
from bert_tf2.tasks.similarity.facts import LABELS, PAIRS, SCORES, TEXTS, TRIPLETS, SimilarityFacts
from bert_tf2.tasks.similarity.features import NO_LABEL, similarity_features
from bert_tf2.tasks.similarity.reading import SimilarityFile
from bert_tf2.tasks.statistics import InputsStatistics, overlap_warning

METRICS = {
    TEXTS: ("retrieval_accuracy",),
    PAIRS: ("retrieval_accuracy",),
    TRIPLETS: ("triplet_accuracy", "retrieval_accuracy"),
    SCORES: ("spearman", "pearson"),
    LABELS: ("accuracy",),
}
"""What is measured of rows of a form, the best one first."""


class SimilarityStatistics(InputsStatistics):
    """Counts over the rows of one split, with an input for each text.

    Attributes:
      scores: the lowest and the highest one; None where there is none.
      unanswered: rows without score or label where others have one.
    """

    def __init__(self, max_seq_length: int, special_tokens: int):
        super().__init__(max_seq_length, special_tokens)
        self.unanswered = 0
        self.scores: tuple[float, float] | None = None

    def add_score(self, score: float) -> None:
        """Counts a score."""
        lowest, highest = self.scores or (score, score)
        self.scores = min(lowest, score), max(highest, score)


class SimilarityPreparation(Preparation):
    """Prepares files of texts that are compared.

    Args:
      sources: a file by split.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_seq_length: the most tokens of a text.
      labels: names in the order of their ids; empty where they are collected.
      facts: of the training for whose model the records are; None where there is none.

    Raises:
      UserError: evaluation rows without a second text, of which nothing could be measured.
    """

    unit = "rows"

    def __init__(
        self,
        sources: Mapping[str, SimilarityFile],
        tokenizer: Any,
        max_seq_length: int,
        labels: Sequence[str] = (),
        facts: SimilarityFacts | None = None,
    ):
        self._sources, self.tokenizer, self.max_seq_length, self._facts = dict(sources), tokenizer, max_seq_length, facts
        first = next(iter(self._sources.values()))
        self.name = os.path.splitext(os.path.basename(first.path))[0]
        self.features = similarity_features()
        self._encode, self._labels = id_encoder(tokenizer), tuple(labels)
        for split, source in self._sources.items():
            if split != "train" and source.form == TEXTS:
                raise UserError(
                    f"{source.path}: --{split}_file must hold pairs of texts, whose likeness is compared; this one has single "
                    "texts (name the second column with --text_b_column)"
                )

    @property
    def form(self) -> str:
        """Of the rows to train on; of the first rows where there are none."""
        if self._facts is not None:
            return self._facts.form
        return (self._sources.get("train") or next(iter(self._sources.values()))).form

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """The files' rows; those to predict need no score."""
        if not self._labels:
            self._labels = self._collected(wanted)
        return {split: functools.partial(self._sources[split].examples, score_needed=split != "test") for split in wanted}

    @during("reading labels")
    def _collected(self, wanted: Mapping[str, str]) -> tuple[str, ...]:
        """The labels of the rows to train and evaluate on, sorted."""
        sources = [source for split, source in self._sources.items() if split in wanted and split != "test"]
        named: set[str] = set()
        for source in sources:
            if source.form == LABELS:
                named |= {str(example.label) for example in source.examples(BadRows(skip=True))}
        if len(named) == 1:
            raise UserError(f"{sources[0].path}: all rows have the label '{named.pop()}'; there is nothing to tell apart")
        return tuple(sorted(named))

    def begin(self, split: Split) -> None:
        """Nothing is counted yet."""
        split.statistics = SimilarityStatistics(self.max_seq_length, self.tokenizer.template.special_tokens)

    def encode(self, examples: Sequence[SimilarityExample], split: Split) -> list[bytes]:
        """A record for each row; those with an unknown label, or a text without a token, are reported."""
        ids, lengths = self._encode(list(itertools.chain.from_iterable(example.texts for example in examples)))
        ends = itertools.accumulate(map(int, lengths))
        of_texts = iter([ids[end - length : end].tolist() for end, length in zip(ends, map(int, lengths))])
        records = []
        for example in examples:
            of_example = [next(of_texts) for _ in example.texts]
            if complaint := self._complaint(example, of_example):
                split.bad_rows.report(example.where, complaint, list(example.texts))
                continue
            records.append(split.encoder.encode(self._features(example, of_example, split)))
        return records

    def _complaint(self, example: SimilarityExample, ids: Sequence[Sequence[int]]) -> str | None:
        if not all(ids):
            return "a text has no token"
        if example.label is not None and example.label not in self._labels:
            return f"the label '{example.label}' is none of {', '.join(self._labels)}"
        return None

    def _features(self, example: SimilarityExample, ids: Sequence[list[int]], split: Split) -> dict[str, Any]:
        template, statistics = self.tokenizer.template, split.statistics
        packed = [pack_ids(one, None, template, self.max_seq_length) for one in ids]
        inputs = [one for one, _, _ in packed]
        statistics.add_inputs(inputs, any(cut for _, _, cut in packed), example.texts, self.tokenizer.unk_id)
        if example.score is not None:
            statistics.add_score(example.score)
        if self._sources[split.name].form in (SCORES, LABELS):
            statistics.unanswered += example.score is None and example.label is None
        if len(inputs) == 1:
            # A text is its own second one; what tells the two apart is dropout.
            inputs, packed = inputs * 2, packed * 2
        features: dict[str, Any] = {
            "input_ids": inputs,
            "input_mask": [[1] * len(one) for one in inputs],
            "segment_ids": [template.segment_ids(first, len(one)) for one, first, _ in packed],
            "label_ids": NO_LABEL if example.label is None else self._labels.index(example.label),
            "example_id": example.number,
        }
        if example.score is not None:
            features["score"] = example.score
        return features if split.name == "train" else features | {"texts": list(example.texts)}

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """Metrics of the evaluation rows, labels, and `SimilarityFacts`."""
        train = next((split for split in splits if split.name == "train"), None)
        most = max(3 if source.form == TRIPLETS else 2 for source in self._sources.values())
        if self._facts is not None:
            facts = dataclasses.replace(self._facts, most_texts=max(most, self._facts.most_texts))
        else:
            lowest, highest = (train and train.statistics.scores) or (None, None)
            facts = SimilarityFacts(self.form, most, lowest, highest)
        measured = self._sources.get("eval") or self._sources.get("test") or next(iter(self._sources.values()))
        metrics = METRICS[measured.form]
        tests = [split for split in splits if split.is_test]
        return {
            "metrics": metrics,
            "best_metric": metrics[0],
            "truncated_fraction": {split.name: round(split.statistics.truncated_fraction, 6) for split in splits},
            **({"label_list": self._labels, "num_labels": len(self._labels)} if self._labels else {}),
            **facts.to_json(),
            **({"test_has_labels": not any(split.statistics.unanswered for split in tests)} if tests else {}),
        }

    def check(self, splits: Sequence[Split]) -> None:
        """Scores to train on must differ.

        Raises:
          UserError: they are all the same.
        """
        for split in splits:
            scores = split.statistics.scores
            if split.name == "train" and scores is not None and scores[0] == scores[1]:
                raise UserError(
                    f"{self._sources['train'].path}: all rows have the score {scores[0]:g}; there is nothing to tell apart"
                )

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """Of the files, of each split, and of the splits beside each other."""
        found = [source.file.notice for source in self._sources.values() if source.file.notice]
        train = next((split.statistics for split in splits if split.name == "train"), None)
        for split in splits:
            found += [*split.statistics.warnings(split.name), *left_out(split)]
            if train is not None and split.name != "train":
                found += overlap_warning(split.name, split.statistics, train)
        return found

    def summary(self, split: Split) -> list[str]:
        """Counts of rows and texts, lengths, and the range of scores."""
        statistics, form = split.statistics, self._sources[split.name].form
        lines = [f"{statistics.summary(split.name)} ({form})"]
        if statistics.scores is not None:
            lines.append(f"{split.name}: scores from {statistics.scores[0]:g} to {statistics.scores[1]:g}")
        return lines
