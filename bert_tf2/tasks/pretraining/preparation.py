"""Text files -> shards of pre-training records and their metadata: what is planned, continued, refused and told."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Generator, Sequence
from typing import Any

from bert_tf2 import files, locks
from bert_tf2.data.records import metadata
from bert_tf2.data.records.metadata import PRETRAINING, MetaData
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import Interrupted, JobError, UserError
from bert_tf2.progress import Progress, track
from bert_tf2.tasks.pretraining.document_tokens import TextCounts
from bert_tf2.tasks.pretraining.documents import Scanned, TextFormat
from bert_tf2.tasks.pretraining.metadata import NEXT_SENTENCE, NO_PAIRS, PretrainingSettings, from_meta_data
from bert_tf2.tasks.pretraining.records import InstanceCounts, InstanceSettings
from bert_tf2.tasks.pretraining.runs import RUN, describe_run, refuse_other_runs
from bert_tf2.tasks.pretraining.shard_plan import LONGEST_DOCUMENT, OutputNames, deal, scan_all, usual_number_of_shards
from bert_tf2.tasks.pretraining.shards import (
    Shard,
    ShardJob,
    ShardResult,
    finished_shard,
    remove_progress,
    remove_unfinished,
)
from bert_tf2.text.tokenizer import load_tokenizer, mask_id_of, warnings_of

_MOST_CUT = 0.5
# Shards of fewer would be of very different sizes.
_FEWEST_BLOCKS = 4
_MOST_UNKNOWN = 0.05

MakeShards = Callable[[ShardJob, Sequence[Shard]], Generator[tuple[Shard, ShardResult], None, None]]
"""Makes shards somewhere and gives them with their results, in any order."""


@dataclasses.dataclass(frozen=True)
class TextSource:
    """The text and the tokenizer: paths, how documents stand in them, and the arguments of `load_tokenizer`."""

    paths: tuple[str, ...]
    text_format: TextFormat
    tokenizer: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class PreparedPretraining:
    """What was written, or was there already."""

    meta_data: MetaData
    meta_data_path: str
    paths: list[str]
    settings: PretrainingSettings
    text: TextCounts
    instances: InstanceCounts


def prepare_pretraining(
    source: TextSource,
    names: OutputNames,
    meta_data_path: str,
    settings: InstanceSettings,
    make_shards: MakeShards,
    tell: Callable[[str], None] = lambda line: None,
) -> PreparedPretraining:
    """Writes the shards that are not there yet, and then the metadata.

    Args:
      source: text and tokenizer.
      names: what the shards are called.
      meta_data_path: where `meta_data.json` goes.
      settings: how documents become records.
      make_shards: see `bert_tf2.tasks.pretraining.workers.make_shards`.
      tell: takes lines on what is going on, warnings among them.

    Raises:
      UserError: text or settings that cannot be used, or files of another run in the way.
      DirectoryInUseError: another process writes these records.
      JobError: writing failed; the shards that were finished stay, and the same call goes on from there.
    """
    tokenizer = load_tokenizer(**source.tokenizer)
    mask_id = mask_id_of(tokenizer)
    for warning in filter(None, [*warnings_of(tokenizer), _too_few_predictions(settings)]):
        tell(f"warning: {warning}")
    for directory in (*names.directories, os.path.dirname(meta_data_path)):
        files.make_directory(directory or ".")
    lock = f".{os.path.basename(meta_data_path)}.lock"
    with locks.locked(os.path.dirname(meta_data_path) or ".", lock, "record maker", "output_file"):
        return _prepare(source, names, meta_data_path, settings, make_shards, tell, tokenizer, mask_id)


def _prepare(
    source: TextSource,
    names: OutputNames,
    meta_data_path: str,
    settings: InstanceSettings,
    make_shards: MakeShards,
    tell: Callable[[str], None],
    tokenizer: Any,
    mask_id: int,
) -> PreparedPretraining:
    needed = 2 if settings.sentence_pairs == NEXT_SENTENCE else 1
    number = names.given_number or usual_number_of_shards(sum(files.size_of(path) for path in source.paths))
    scanned = _scanned(source, number, needed, meta_data_path + files.REJECTS, tell)
    number = _checked_number(scanned, number, needed, names.given_number is not None, source, tell)
    description = describe_run(source.text_format, scanned, settings, tokenizer, number)
    parts = deal(scanned, number, settings.random_seed)
    shards = [Shard(index, path, parts[index]) for index, path in enumerate(names.paths(number))]
    job = ShardJob(settings, source.text_format, source.tokenizer, description)
    divided = sum(file.divided for file in scanned)
    run = _Run(job, shards, meta_data_path, make_shards, tell, tokenizer, mask_id, divided)
    if (there := run.described_already()) is not None:
        run.repair(there)
        return there
    refuse_other_runs(run.paths, names.others(number), meta_data_path, description)
    return run.describe(run.make())


def _scanned(source: TextSource, number: int, needed: int, rejects: str, tell: Callable[[str], None]) -> list[Scanned]:
    """Scans the text; lines that cannot be used are listed in `rejects` where they are to be left out."""
    bad_rows = BadRows(source.text_format.skip_bad_rows, rejects)
    try:
        scanned = scan_all(source.paths, source.text_format, number, needed, bad_rows)
        bad_rows.publish()
    finally:
        bad_rows.discard()
    if bad_rows.count:
        tell(f"warning: {bad_rows.summary()}")
    return scanned


def _too_few_predictions(settings: InstanceSettings) -> str | None:
    needed = round(settings.max_seq_length * settings.masked_lm_prob)
    if needed <= settings.max_predictions_per_seq:
        return None
    kept = settings.max_predictions_per_seq / settings.max_seq_length
    return (
        f"--masked_lm_prob={settings.masked_lm_prob:g} of {settings.max_seq_length} tokens are {needed} predictions, but "
        f"--max_predictions_per_seq={settings.max_predictions_per_seq}: of full inputs only {kept:.1%} are predicted; set "
        f"--max_predictions_per_seq={needed}"
    )


def _checked_number(
    scanned: Sequence[Scanned], number: int, needed: int, is_given: bool, source: TextSource, tell: Callable[[str], None]
) -> int:
    """The number of shards, each of which has the documents it needs."""
    documents, blocks = sum(file.documents for file in scanned), sum(len(file.blocks) for file in scanned)
    some = source.paths[0] + (f" and {len(source.paths) - 1} more files" if len(source.paths) > 1 else "")
    if not documents:
        raise UserError(f"no text in {some}: the files are empty or hold white space only")
    if documents == 1:
        how = {
            "sentences": "no blank line, which would end a document",
            "paragraphs": "never two blank lines, which would end a document",
            "jsonl": "one line",
        }[source.text_format.name]
        only_one = f"only one document in {some} ({how})"
        if needed > 1:
            raise UserError(
                f"{only_one}: the random next sentence of --sentence_pairs=nsp is taken from another document; divide the text, "
                "or pass --sentence_pairs=sop or --sentence_pairs=none"
            )
        tell(only_one)
    if needed > 1 and (divided := sum(file.divided for file in scanned)):
        tell(
            f"warning: documents longer than {LONGEST_DOCUMENT >> 20} MB were divided, at {divided} places; do blank lines stand "
            "between your documents?"
        )
    if blocks < number * needed and is_given:
        raise UserError(
            f"{number} shards are too many for {documents} document{'s' if documents > 1 else ''}: every shard needs "
            f"{needed}; give at most {blocks // needed}"
        )
    return number if is_given else max(1, min(number, blocks // _FEWEST_BLOCKS))


@dataclasses.dataclass(frozen=True)
class _Run:
    """A run whose shards are planned: makes them and describes them."""

    job: ShardJob
    shards: list[Shard]
    meta_data_path: str
    make_shards: MakeShards
    tell: Callable[[str], None]
    tokenizer: Any
    mask_id: int
    divided: int

    @property
    def paths(self) -> list[str]:
        return [shard.path for shard in self.shards]

    def described_already(self) -> PreparedPretraining | None:
        """What an earlier call with the same arguments wrote, if it came to its end."""
        if not files.exists(self.meta_data_path):
            return None
        meta_data = metadata.read_meta_data(self.meta_data_path)
        found = meta_data.extra.get(RUN, {})
        names = [os.path.basename(path) for path in self.paths]
        if found.get("settings") != self.job.run or [shard.name for shard in meta_data.shards] != names:
            return None
        text, instances = TextCounts(**found["text"]), InstanceCounts(**found["instances"])
        return PreparedPretraining(meta_data, self.meta_data_path, self.paths, from_meta_data(meta_data), text, instances)

    def repair(self, there: PreparedPretraining) -> None:
        """Makes those shards of a finished run anew that were lost or damaged since."""
        digests = {path: file.sha256 for path, file in zip(self.paths, there.meta_data.shards)}
        lost = [path for path in self.paths if not files.exists(path) or files.sha256_of_file(path) != digests[path]]
        number = len(self.shards)
        self.tell(f"{number - len(lost)} of {number} shards are there and whole" + ("; making the others" if lost else ""))
        made = self.make_shards(self.job, [shard for shard in self.shards if shard.path in lost])
        for shard, result in track(made, "making records", len(lost), "shards"):
            if result.file.sha256 != digests[shard.path]:
                raise JobError(
                    f"{shard.path} was made again and is not what {self.meta_data_path} says; remove the records and the "
                    "metadata and run the command again"
                )
        remove_progress(self.paths)

    def make(self) -> list[ShardResult]:
        """Makes the shards that are not there yet; the results of all, in order.

        Raises:
          UserError: the text cannot be used.
          JobError: writing failed or was interrupted, with the number of shards that are there.
        """
        remove_unfinished(self.paths)
        number = len(self.shards)
        done = {shard.index: found for shard in self.shards if (found := finished_shard(shard, self.job.run)) is not None}
        if done:
            self.tell(f"{len(done)} of {number} shards are there and whole; making the others")
        try:
            missing = [shard for shard in self.shards if shard.index not in done]
            with contextlib.closing(self.make_shards(self.job, missing)) as made, self._progress(len(done)) as progress:
                for shard, result in made:
                    done[shard.index] = result
                    progress.move(1)
                    self.tell(f"{len(done)} of {number} shards: {result.file.name}, {result.instances.records:,} records")
        except JobError as error:
            raise JobError(f"{error}; {self._what_is_left()}") from error
        except KeyboardInterrupt:
            remove_unfinished(self.paths)
            raise Interrupted(f"interrupted; {self._what_is_left()}", 130) from None
        return [done[index] for index in range(number)]

    def _progress(self, done: int) -> Progress:
        return Progress("making records", len(self.shards), "shards", done=done)

    def _what_is_left(self) -> str:
        whole = sum(finished_shard(shard, self.job.run) is not None for shard in self.shards)
        return f"{whole} of {len(self.shards)} shards are whole, the same command makes the others"

    def describe(self, results: Sequence[ShardResult]) -> PreparedPretraining:
        """Writes the metadata of shards that are all there.

        Raises:
          UserError: there are no records.
        """
        text, instances = TextCounts(), InstanceCounts()
        for result in results:
            text.add(result.text)
            instances.add(result.instances)
        # The parts of a document that was divided are one.
        text.documents -= self.divided
        self._check(text, instances)
        settings, tokenizer = self.job.settings, self.tokenizer
        described = _described(settings, text, instances, self.mask_id)
        run = {"settings": self.job.run, "text": dataclasses.asdict(text), "instances": dataclasses.asdict(instances)}
        meta_data = MetaData(
            task_type=PRETRAINING,
            max_seq_length=settings.max_seq_length,
            sizes={"train": instances.records},
            processor_type="pretraining",
            **metadata.facts_of_tokenizer(tokenizer),
            shards=tuple(result.file for result in results),
            padded=settings.pad_to_max_length,
            extra=described.to_extra() | {RUN: run},
        )
        metadata.write_meta_data(self.meta_data_path, meta_data)
        remove_progress(self.paths)
        return PreparedPretraining(meta_data, self.meta_data_path, self.paths, described, text, instances)

    def _check(self, text: TextCounts, instances: InstanceCounts) -> None:
        """Tells what is unusual about the text, and refuses text that gave nothing."""
        if not instances.records:
            remove_progress(self.paths)
            for path in self.paths:
                files.remove_if_there(path)
            raise UserError("the text gave no records: all of it consists of characters that tokenization drops")
        if text.unknown_tokens > _MOST_UNKNOWN * text.tokens:
            self.tell(
                f"warning: {text.unknown_tokens / text.tokens:.1%} of the tokens are unknown to {self.tokenizer.file}; is it the "
                "vocabulary of this language and casing?"
            )
        if instances.cut > _MOST_CUT * (instances.cut + instances.maskable):
            self.tell(
                f"warning: {instances.cut / (instances.cut + instances.maskable):.0%} of the tokens found no room in records of "
                f"{self.job.settings.max_seq_length}: sentences are long; is a sentence on each line? --input_format=paragraphs "
                "splits running text"
            )
        if self.job.settings.sentence_pairs == NEXT_SENTENCE and instances.labelled == instances.records:
            self.tell(
                "warning: every second segment is a random one: has no document two sentences? Write one on each line, or pass "
                "--sentence_pairs=none"
            )
        if text.empty_documents:
            self.tell(f"{text.empty_documents:,} documents without any token were left out")


def _described(settings: InstanceSettings, text: TextCounts, counts: InstanceCounts, mask_id: int) -> PretrainingSettings:
    """The settings with the statistics."""
    names = {field.name for field in dataclasses.fields(PretrainingSettings)}
    given = {name: value for name, value in dataclasses.asdict(settings).items() if name in names}
    return PretrainingSettings(
        **given,
        documents=text.documents,
        masked_fraction=None if settings.dynamic_masking else counts.predictions / max(counts.maskable, 1),
        next_sentence_fraction=None if settings.sentence_pairs == NO_PAIRS else counts.labelled / counts.records,
        padding_fraction=1 - counts.tokens / (counts.records * settings.max_seq_length),
        mean_tokens=counts.tokens / counts.records,
        mask_id=mask_id,
    )
