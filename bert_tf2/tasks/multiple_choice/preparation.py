"""Questions with choices -> records, and what metadata say of them."""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf2.tasks.multiple_choice.examples import ChoiceExample
from bert_tf2.tasks.multiple_choice.facts import ChoiceFacts
from bert_tf2.tasks.multiple_choice.features import NO_ANSWER, choice_features
from bert_tf2.tasks.multiple_choice.forms import RACE
from bert_tf2.tasks.multiple_choice.packing import ChoicePacker, PackedChoices
from bert_tf2.tasks.multiple_choice.packing_options import PackingOptions
from bert_tf2.tasks.multiple_choice.reading import ChoiceFile
from bert_tf2.tasks.multiple_choice.statistics import ChoiceStatistics
from bert_tf2.tasks.preparation import Preparation, Read, Split, left_out
from bert_tf2.tasks.statistics import overlap_warning
from bert_tf2.text.template import TextTemplate

METRICS = ("accuracy",)


class ChoicePreparation(Preparation):
    """Prepares files of questions with choices.

    Args:
      sources: a file or folder by split.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      options: how inputs are cut; with `facts` what they say of question and choice counts.
      facts: of the training for whose model the records are; None where there is none.
    """

    unit = "questions"

    def __init__(
        self, sources: Mapping[str, ChoiceFile], tokenizer: Any, options: PackingOptions, facts: ChoiceFacts | None = None
    ):
        first = next(iter(sources.values()))
        self.name = os.path.splitext(os.path.basename(os.path.normpath(first.path)))[0]
        self.max_seq_length = options.max_seq_length
        self.features = choice_features()
        self.tokenizer, self._sources = tokenizer, dict(sources)
        fills_blank = any(source.form is RACE for source in sources.values())
        self._facts = ChoiceFacts(options.max_qa_length, fills_blank) if facts is None else facts
        self._pack = ChoicePacker(tokenizer, PackingOptions(options.max_seq_length, self._facts.max_qa_length))

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """The files' questions; those to predict need no answer."""
        return {split: functools.partial(self._sources[split].examples, answer_needed=split != "test") for split in wanted}

    def begin(self, split: Split) -> None:
        """Nothing is counted yet."""
        split.statistics = ChoiceStatistics(self.max_seq_length, self.tokenizer.template.special_tokens_of_pair)

    def encode(self, examples: Sequence[ChoiceExample], split: Split) -> list[bytes]:
        """A record for each question; those that do not fit are reported."""
        records = []
        for example, packed in zip(examples, self._pack(examples)):
            if isinstance(packed, str):
                split.bad_rows.report(example.where, packed, [example.context, example.question, *example.choices])
                continue
            features = _features(example, packed, self.tokenizer.template)
            # Whoever looks at predictions wants to see what was asked.
            features |= {} if split.name == "train" else _texts(example)
            split.statistics.add_question(example, packed, self.tokenizer.unk_id)
            records.append(split.encoder.encode(features))
        return records

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """Metrics, whether test questions have answers, and `ChoiceFacts`."""
        most = max((max(split.statistics.choices) for split in splits), default=None)
        tests = [split.statistics.is_answered for split in splits if split.is_test]
        facts = ChoiceFacts(self._facts.max_qa_length, self._facts.fills_blank, most)
        return {
            "metrics": METRICS,
            "best_metric": METRICS[0],
            "truncated_fraction": {split.name: round(split.statistics.truncated_fraction, 6) for split in splits},
            **facts.to_json(),
            **({"test_has_labels": all(tests)} if tests else {}),
        }

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """Of the files, of each split, and of the splits beside each other."""
        found = [file.notice for source in self._sources.values() for file in source.files if file.notice]
        train = next((split.statistics for split in splits if split.name == "train"), None)
        for split in splits:
            found += [*split.statistics.warnings(split.name), *left_out(split)]
            if train is not None and split.name != "train":
                found += overlap_warning(split.name, split.statistics, train)
        return found

    def summary(self, split: Split) -> list[str]:
        """Counts of questions, choices, tokens and of what was cut."""
        return split.statistics.lines(split.name)


def _features(example: ChoiceExample, packed: PackedChoices, template: TextTemplate) -> dict[str, Any]:
    return {
        "input_ids": packed.ids,
        "input_mask": [[1] * len(ids) for ids in packed.ids],
        "segment_ids": [template.segment_ids(first, len(ids)) for ids, first in zip(packed.ids, packed.first)],
        "label_ids": NO_ANSWER if example.answer is None else example.answer,
        "example_id": example.number,
    }


def _texts(example: ChoiceExample) -> dict[str, Any]:
    return {"id": example.id, "context": example.context, "question": example.question, "choices": example.choices}
