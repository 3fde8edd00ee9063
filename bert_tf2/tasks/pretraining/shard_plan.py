"""Which text goes into which shard, and what the shards are called: the same for any number of workers."""

import functools
import os
import re
from collections.abc import Sequence

import numpy as np

from bert_tf2 import files
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.progress import track
from bert_tf2.tasks.pretraining.documents import Block, Scanned, TextFormat, scan

# Text of a part, which one process holds in memory, and of a shard where the number of shards is not given.
_PART_BYTES = 16 << 20
_SHARD_BYTES = 16 << 20
_SMALLEST_SHARD_BYTES = 64 << 10
_USUAL_SHARDS = 16
_LARGEST_BLOCK, _BLOCKS_IN_PART = 256 << 10, 16
# Longer documents are divided; where pairs are not taken from different documents, nothing is lost by it.
LONGEST_DOCUMENT, _LONGEST_ALONE = 8 << 20, 64 << 10


class OutputNames:
    """The names of shards.

    Args:
      output_file: a comma-separated list of files; or one name, in which `*` stands for `00000-of-00016`.
      num_shards: how many shards there are; None leaves it to the name: a list and a plain name are what they name.

    Raises:
      UserError: the two do not go together.
    """

    def __init__(self, output_file: str, num_shards: int | None):
        names = [files.expand(name.strip()) for name in output_file.split(",") if name.strip()]
        if not names:
            raise UserError(f"--output_file names no file; got '{output_file}'")
        for name in names:
            if name.endswith("/") or (not files.is_remote(name) and os.path.isdir(name)):
                raise UserError(f"--output_file: {name} is a directory; name a file in it, such as train-*.tfrecord")
            if name.count("*") > (len(names) == 1) or "*" in os.path.dirname(name):
                raise UserError(f"--output_file may hold one * in the name of its only file; got '{output_file}'")
        if len(set(names)) < len(names):
            raise UserError(f"--output_file names a file twice; got '{output_file}'")
        if len({os.path.basename(name) for name in names}) < len(names):
            raise UserError(
                f"--output_file: two files of one name in different directories cannot be told apart in the metadata; got "
                f"'{output_file}'"
            )
        if len(names) > 1 and num_shards is not None:
            raise UserError("--num_shards cannot be given beside a list of files in --output_file, which are the shards")
        self._names = names
        is_pattern = "*" in names[0]
        self.given_number = num_shards if num_shards is not None else None if is_pattern else len(names)
        if is_pattern:
            self._before, self._after = names[0].split("*")
        else:
            stem, self._after = os.path.splitext(names[0])
            self._before = stem + "-"
        self._is_list = not is_pattern and num_shards in (None, 1)

    @property
    def directories(self) -> list[str]:
        """Where the shards go."""
        return list(dict.fromkeys(os.path.dirname(name) for name in self._names))

    def paths(self, number: int) -> list[str]:
        """The files when there are `number` shards."""
        if self._is_list:
            return self._names
        return [f"{self._before}{index:05d}-of-{number:05d}{self._after}" for index in range(number)]

    def others(self, number: int) -> list[str]:
        """Files with names of shards that belong to another number of shards."""
        if self._is_list:
            return []
        directory, before = os.path.split(self._before)
        shape = re.compile(re.escape(before) + r"\d{5}-of-(\d{5})" + re.escape(self._after) + r"(\.progress\.json)?")
        found = ((name, shape.fullmatch(name)) for name in files.names_in(directory))
        return [os.path.join(directory, name) for name, match in found if match and int(match.group(1)) != number]


def usual_number_of_shards(text_bytes: int) -> int:
    """Shards for a text of this size: 16, of a small text fewer, of a large text one for every 16 MB."""
    few = max(1, text_bytes // _SMALLEST_SHARD_BYTES)
    return max(min(_USUAL_SHARDS, few), -(-text_bytes // _SHARD_BYTES))


def scan_all(
    paths: Sequence[str], text_format: TextFormat, num_shards: int, needed: int, bad_rows: BadRows | None = None
) -> list[Scanned]:
    """Scans the files, with blocks so small that every shard can have the documents it needs.

    Args:
      paths: the files.
      text_format: how documents stand in them.
      num_shards: number of shards.
      needed: documents that a shard needs: 2 where a segment is taken from another document, else 1.
      bad_rows: what to do with lines that are not what the format says.

    Raises:
      UserError: a file cannot be used.
    """
    total = sum(files.size_of(path) for path in paths)
    parts = num_shards * _parts_of_shard(total, num_shards)
    block_bytes = max(1, min(_LARGEST_BLOCK, total // (parts * _BLOCKS_IN_PART)))
    longest = LONGEST_DOCUMENT if needed > 1 else max(_LONGEST_ALONE, block_bytes)
    reading = functools.partial(track, paths, "reading the text", len(paths), "files")
    scanned = [scan(path, text_format, block_bytes, longest, bad_rows) for path in reading()]
    blocks, documents = sum(len(file.blocks) for file in scanned), sum(file.documents for file in scanned)
    if blocks < parts * needed and blocks < documents:
        scanned = [scan(path, text_format, 1, longest, BadRows(text_format.skip_bad_rows)) for path in reading()]
    return scanned


def _parts_of_shard(text_bytes: int, num_shards: int) -> int:
    return max(1, -(-text_bytes // (num_shards * _PART_BYTES)))


def deal(scanned: Sequence[Scanned], num_shards: int, seed: int) -> list[tuple[tuple[Block, ...], ...]]:
    """Deals the blocks in a random order to the parts of the shards: by shard, by part.

    Neighbouring blocks go to different shards, so each shard is drawn from the whole text; within a block documents stand
    beside each other, so that files are read in stretches.
    """
    blocks = [block for file in scanned for block in file.blocks]
    total = sum(block.end - block.start for block in blocks)
    # Of a shard without blocks enough for all parts fewer parts are made.
    parts = num_shards * max(1, min(_parts_of_shard(total, num_shards), len(blocks) // (2 * num_shards)))
    order = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed & (1 << 64) - 1]))).permutation(len(blocks))
    dealt = [tuple(blocks[place] for place in order[part::parts]) for part in range(parts)]
    return [tuple(dealt[shard::num_shards]) for shard in range(num_shards)]
