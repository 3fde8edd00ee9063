"""Text files -> shards of pre-training records and their metadata: what is planned, continued, refused and told."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data import metadata
from bert_tf2.data.document_tokens import TextCounts
from bert_tf2.data.documents import LONGEST_DOCUMENT, Scanned, TextFormat
from bert_tf2.data.metadata import PRETRAINING, MetaData
from bert_tf2.data.pretraining_metadata import NEXT_SENTENCE, NO_PAIRS, PretrainingSettings, from_meta_data
from bert_tf2.data.pretraining_records import InstanceCounts, InstanceSettings
from bert_tf2.data.pretraining_shards import (
    Shard,
    ShardJob,
    ShardResult,
    finished_shard,
    read_progress,
    remove_progress,
    remove_unfinished,
)
from bert_tf2.data.shard_plan import OutputNames, deal, scan_all, usual_number_of_shards
from bert_tf2.errors import JobError, UserError
from bert_tf2.text.tokenizer import casing_warning, load_tokenizer, mask_id_of

RUN = "pretraining_run"
_MOST_UNKNOWN = 0.05
# To be raised when the same run would write other bytes than before.
_FORMAT = 1

MakeShards = Callable[[ShardJob, Sequence[Shard]], Iterable[tuple[Shard, ShardResult]]]
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
    continued: int


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
      make_shards: see `bert_tf2.data.pretraining_workers.make_shards`.
      tell: takes lines on what is going on, warnings among them.

    Raises:
      UserError: text or settings that cannot be used, or files of another run in the way.
      JobError: writing failed; the shards that were finished stay, and the same call goes on from there.
    """
    tokenizer = load_tokenizer(**source.tokenizer)
    mask_id = mask_id_of(tokenizer)
    for warning in filter(None, [casing_warning(tokenizer), _too_few_predictions(settings)]):
        tell(f"warning: {warning}")
    for directory in (*names.directories, os.path.dirname(meta_data_path)):
        files.make_directory(directory or ".")
    needed = 2 if settings.sentence_pairs == NEXT_SENTENCE else 1
    number = names.given_number or usual_number_of_shards(sum(files.size_of(path) for path in source.paths))
    scanned = scan_all(source.paths, source.text_format, number, needed)
    number = _checked_number(scanned, number, needed, names.given_number is not None, source, tell)
    paths = names.paths(number)
    run = _description(source, scanned, settings, tokenizer, number)
    job = ShardJob(settings, source.text_format, source.tokenizer, run)
    shards = [
        Shard(index, path, parts) for index, (path, parts) in enumerate(zip(paths, deal(scanned, number, settings.random_seed)))
    ]
    if (there := _described_already(paths, meta_data_path, run)) is not None:
        _repair(there, job, shards, make_shards, tell)
        return there
    _refuse_other_runs(paths, names.others(number), meta_data_path, run)
    remove_unfinished(paths)
    done = {path: found for path in paths if (found := finished_shard(path, run)) is not None}
    if done:
        tell(f"{len(done)} of {number} shards are there and whole; making the others")
    continued = len(done)
    try:
        for shard, result in make_shards(job, [shard for shard in shards if shard.path not in done]):
            done[shard.path] = result
            tell(f"{len(done)} of {number} shards: {os.path.basename(shard.path)}, {result.instances.records:,} records")
    except JobError as error:
        whole = sum(finished_shard(path, run) is not None for path in paths)
        raise JobError(f"{error}; {whole} of {number} shards are whole, the same command makes the others") from error
    return _finished([done[path] for path in paths], paths, meta_data_path, settings, tokenizer, mask_id, run, continued, tell)


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
        tell(f"warning: {only_one}")
    if divided := sum(file.divided for file in scanned):
        tell(
            f"warning: documents longer than {LONGEST_DOCUMENT >> 20} MB were divided, at {divided} places; do blank lines stand "
            "between your documents?"
        )
    if blocks < number * needed:
        if is_given:
            raise UserError(
                f"{number} shards are too many for {documents} document{'s' if documents > 1 else ''}: every shard needs "
                f"{needed}; give at most {blocks // needed}"
            )
        number = max(1, blocks // needed)
    return number


def _description(
    source: TextSource, scanned: Sequence[Scanned], settings: InstanceSettings, tokenizer: Any, number: int
) -> dict[str, Any]:
    """What makes the bytes of the shards: two runs with the same description write the same files."""
    digest = hashlib.sha256("".join(file.sha256 for file in scanned).encode()).hexdigest()
    return {
        **dataclasses.asdict(settings),
        "input_format": source.text_format.name,
        "text_field": source.text_format.text_field,
        "tokenization": tokenizer.kind,
        "do_lower_case": tokenizer.do_lower_case,
        "vocabulary": tokenizer.fingerprint,
        "text": digest,
        "num_shards": number,
        "format": _FORMAT,
    }


def _described_already(paths: list[str], meta_data_path: str, run: dict[str, Any]) -> PreparedPretraining | None:
    """What an earlier call with the same arguments wrote, if it came to its end."""
    if not files.exists(meta_data_path):
        return None
    meta_data = metadata.read_meta_data(meta_data_path)
    found = meta_data.extra.get(RUN, {})
    if found.get("settings") != run or [shard.name for shard in meta_data.shards] != [os.path.basename(path) for path in paths]:
        return None
    text, instances = TextCounts(**found["text"]), InstanceCounts(**found["instances"])
    return PreparedPretraining(meta_data, meta_data_path, paths, from_meta_data(meta_data), text, instances, len(paths))


def _repair(
    there: PreparedPretraining, job: ShardJob, shards: Sequence[Shard], make_shards: MakeShards, tell: Callable[[str], None]
) -> None:
    """Makes those shards of a finished run anew that were lost or damaged since."""
    digests = {path: shard.sha256 for path, shard in zip(there.paths, there.meta_data.shards)}
    lost = [shard for shard in shards if not files.exists(shard.path) or files.sha256_of_file(shard.path) != digests[shard.path]]
    tell(f"{len(shards) - len(lost)} of {len(shards)} shards are there and whole" + ("; making the others" if lost else ""))
    for shard, _ in make_shards(job, lost):
        if files.sha256_of_file(shard.path) != digests[shard.path]:
            raise JobError(
                f"{shard.path} was made again and is not what {there.meta_data_path} says; remove the records and the metadata "
                "and run the command again"
            )
        remove_progress([shard.path])


def _refuse_other_runs(paths: list[str], others: list[str], meta_data_path: str, run: dict[str, Any]) -> None:
    """Refuses to write beside or over files of another run.

    Raises:
      UserError: there are such files; the message says in what the runs differ.
    """
    if files.exists(meta_data_path):
        found = metadata.read_meta_data(meta_data_path).extra.get(RUN, {}).get("settings")
        raise UserError(_other_run(meta_data_path, found, run))
    for path in paths:
        progress = read_progress(path)
        if progress is not None and progress.get("run") != run:
            raise UserError(_other_run(path, progress.get("run"), run))
        if progress is None and files.exists(path):
            raise UserError(f"{path} is there and is not of this run; remove it or choose another --output_file")
    if others:
        raise UserError(
            f"{others[0]} belongs to a run with another number of shards; remove it and its like or choose another --output_file"
        )


def _other_run(path: str, found: Any, run: dict[str, Any]) -> str:
    differing = [name for name in run if not isinstance(found, dict) or found.get(name) != run[name]]
    if not isinstance(found, dict):
        how = "other data"
    else:
        shown = [
            f"another {name}" if name in ("text", "vocabulary") else f"{name} {found.get(name)} there, {run[name]} here"
            for name in differing[:4]
        ]
        how = "another run (" + ("; ".join(shown) or "another --output_file") + ")"
    return f"{path} belongs to {how}; remove that run's files or choose another --output_file"


def _finished(
    results: Sequence[ShardResult],
    paths: list[str],
    meta_data_path: str,
    settings: InstanceSettings,
    tokenizer: Any,
    mask_id: int,
    run: dict[str, Any],
    continued: int,
    tell: Callable[[str], None],
) -> PreparedPretraining:
    """Writes the metadata of shards that are all there."""
    text, instances = TextCounts(), InstanceCounts()
    for result in results:
        text.add(result.text)
        instances.add(result.instances)
    if not instances.records:
        remove_progress(paths)
        for path in paths:
            files.remove_if_there(path)
        raise UserError("the text gave no records: all of it consists of characters that tokenization drops")
    if text.unknown_tokens > _MOST_UNKNOWN * text.tokens:
        tell(
            f"warning: {text.unknown_tokens / text.tokens:.1%} of the tokens are unknown to {tokenizer.file}; is it the "
            "vocabulary of this language and casing?"
        )
    if text.empty_documents:
        tell(f"{text.empty_documents:,} documents without any token were left out")
    described = _described(settings, text, instances, mask_id)
    meta_data = MetaData(
        task_type=PRETRAINING,
        max_seq_length=settings.max_seq_length,
        sizes={"train": instances.records},
        processor_type="pretraining",
        tokenization=tokenizer.kind,
        do_lower_case=tokenizer.do_lower_case,
        vocab_size=tokenizer.vocab_size,
        vocab_fingerprint=tokenizer.fingerprint,
        shards=tuple(result.file for result in results),
        padded=settings.pad_to_max_length,
        extra=described.to_extra()
        | {RUN: {"settings": run, "text": dataclasses.asdict(text), "instances": dataclasses.asdict(instances)}},
    )
    metadata.write_meta_data(meta_data_path, meta_data)
    remove_progress(paths)
    return PreparedPretraining(meta_data, meta_data_path, paths, described, text, instances, continued)


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
