"""One shard of pre-training records: a function of its documents, the settings and the seed, and of nothing else.

Any process can make any shard, in any order, and makes the same bytes. Beside a shard lies its progress file, written before the
shard gets its name and removed when the metadata are written: a run that was killed continues with the shards that are missing.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.data.records.metadata import RecordFile
from bert_tf2.data.records.record_stream import RecordStream
from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining.document_tokens import DocumentEncoder, TextCounts
from bert_tf2.tasks.pretraining.documents import Block, TextFormat, read_block
from bert_tf2.tasks.pretraining.instances import instances
from bert_tf2.tasks.pretraining.metadata import NEXT_SENTENCE, NO_PAIRS
from bert_tf2.tasks.pretraining.records import InstanceCounts, InstanceSettings, RecordMaker
from bert_tf2.text.tokenizer import load_tokenizer, mask_id_of

PROGRESS = ".progress.json"


@dataclasses.dataclass(frozen=True)
class ShardJob:
    """What all shards of a run have in common.

    Attributes:
      settings: how documents become records.
      text_format: how documents stand in the files.
      tokenizer: the arguments of `load_tokenizer`.
      run: describes the run: its settings, the text and the vocabulary. Shards of other runs are never taken for its own.
    """

    settings: InstanceSettings
    text_format: TextFormat
    tokenizer: dict[str, Any]
    run: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The job for another process."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ShardJob":
        """The job that another process sent."""
        settings, text_format = InstanceSettings(**value["settings"]), TextFormat(**value["text_format"])
        return cls(settings, text_format, value["tokenizer"], value["run"])


@dataclasses.dataclass(frozen=True)
class Shard:
    """A shard to be made.

    Attributes:
      index: its number.
      path: the file to write.
      parts: blocks of text; the documents of a part are in memory together, pairs and order are drawn within it.
    """

    index: int
    path: str
    parts: tuple[tuple[Block, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """The shard for another process."""
        parts = [[dataclasses.astuple(block) for block in part] for part in self.parts]
        return {"index": self.index, "path": self.path, "parts": parts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Shard":
        """The shard that another process sent."""
        return cls(value["index"], value["path"], tuple(tuple(Block(*block) for block in part) for part in value["parts"]))


@dataclasses.dataclass(frozen=True)
class ShardResult:
    """A shard that is there, and what is in it."""

    file: RecordFile
    text: TextCounts
    instances: InstanceCounts

    def to_json(self) -> dict[str, Any]:
        """What the progress file holds."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ShardResult":
        """What the progress file held."""
        return cls(RecordFile(**value["file"]), TextCounts(**value["text"]), InstanceCounts(**value["instances"]))


class ShardMaker:
    """Makes shards of a run.

    Args:
      job: what they have in common.

    Raises:
      UserError: the vocabulary cannot be used, or the word segmenter is not installed.
    """

    def __init__(self, job: ShardJob):
        self._job = job
        self._tokenizer = load_tokenizer(**job.tokenizer)
        self._mask_id = mask_id_of(self._tokenizer)
        self._encode = DocumentEncoder(self._tokenizer, job.settings.word_segmenter)

    def __call__(self, shard: Shard) -> ShardResult:
        """Writes the shard and its progress file, unless they are there.

        Raises:
          UserError: the text cannot be used.
          JobError: writing failed.
        """
        if (found := finished_shard(shard, self._job.run)) is not None:
            return found
        settings = self._job.settings
        stream = RecordStream(shard.path, settings.gzip)
        try:
            text, maker = TextCounts(), RecordMaker(settings, self._tokenizer, self._mask_id)
            for number, part in enumerate(shard.parts):
                text.add(self._write_part(shard, number, part, maker, stream))
            result = ShardResult(stream.finish(), text, maker.counts)
            files.write_json(shard.path + PROGRESS, {"run": self._job.run, "shard": shard.index, "result": result.to_json()})
            stream.publish()
        finally:
            stream.discard()
        return result

    def _write_part(
        self, shard: Shard, number: int, part: Sequence[Block], maker: RecordMaker, stream: RecordStream
    ) -> TextCounts:
        settings = self._job.settings
        is_single, template = settings.sentence_pairs == NO_PAIRS, self._tokenizer.template
        separator_id = self._tokenizer.sep_id if is_single else None
        special_tokens = template.special_tokens if is_single else template.special_tokens_of_pair
        documents, counts = self._encode((read_block(block, self._job.text_format) for block in part), separator_id)
        if settings.sentence_pairs == NEXT_SENTENCE and len(documents) == 1:
            raise UserError(
                f"only one document with any token is left for {shard.path}, and the random next sentence is taken from another; "
                "give fewer shards or --sentence_pairs=sop"
            )
        if not len(documents):
            return counts
        order = _generator(settings.random_seed, shard.index, number, 0)
        rows = np.concatenate(
            [
                instances(
                    documents,
                    settings.sentence_pairs,
                    settings.max_seq_length - special_tokens,
                    settings.short_seq_prob,
                    _generator(settings.random_seed, shard.index, number, 1, dupe),
                )
                for dupe in range(settings.dupe_factor)
            ]
        )
        rows = rows[order.permutation(len(rows))]
        for records in maker.records(rows, documents, _generator(settings.random_seed, shard.index, number, 2)):
            stream.write_all(records)
        return counts


def _generator(seed: int, *place: int) -> np.random.Generator:
    """The random numbers of a place in the output: the same whoever asks and whenever."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed & (1 << 64) - 1, *place])))


def finished_shard(shard: Shard, run: Mapping[str, Any]) -> ShardResult | None:
    """What is in the shard when it is there, whole and of this run, else None."""
    progress = read_progress(shard.path)
    if progress is None or (progress.get("run"), progress.get("shard")) != (run, shard.index) or not files.exists(shard.path):
        return None
    result = ShardResult.from_json(progress["result"])
    # A file can have lost its end since.
    return result if files.sha256_of_file(shard.path) == result.file.sha256 else None


def read_progress(path: str) -> dict[str, Any] | None:
    """What lies in the progress file of the shard at `path`; None without one."""
    if not files.exists(path + PROGRESS):
        return None
    value = files.read_json(path + PROGRESS)
    return value if isinstance(value, dict) else {}


def remove_progress(paths: Sequence[str]) -> None:
    """Removes the progress files of shards."""
    for path in paths:
        files.remove_if_there(path + PROGRESS)


def remove_unfinished(paths: Sequence[str]) -> None:
    """Removes what killed processes left of shards and progress files."""
    names = {os.path.basename(path) + end for path in paths for end in ("", PROGRESS)}
    for directory in {os.path.dirname(path) for path in paths}:
        for name in files.names_in(directory):
            if name.partition(files.INCOMPLETE)[0] in names and files.INCOMPLETE in name:
                files.remove_if_there(os.path.join(directory, name))
