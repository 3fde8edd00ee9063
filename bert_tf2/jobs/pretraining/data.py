"""Makes records and metadata for pre-training from raw text: the model garden's and Google's flags, on any number of workers."""

import dataclasses
import functools
import logging
import os
import shlex
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs import shared_options
from bert_tf2.model_directory.model_files import write_vocabulary_beside
from bert_tf2.options import (
    Options,
    at_least,
    fraction,
    not_negative,
    option,
    refuse_given,
    refuse_overwriting,
    require_given,
    required,
)
from bert_tf2.runtime import job

if TYPE_CHECKING:
    from bert_tf2.tasks.pretraining.preparation import PreparedPretraining
    from bert_tf2.tasks.pretraining.shard_plan import OutputNames

TEXT = "Text"
OUTPUT = "Output"
SEGMENTS = "Segments"
MASKING = "Masking"
WORKERS = "Workers"
BEAM = "Apache Beam (pip install 'bert_tf2[beam]')"

_DUPE_FACTOR = 10


@dataclasses.dataclass(frozen=True)
class PretrainingDataOptions(Options):
    """What to read, how to cut and mask it, and where to write."""

    input_file: str | None = option(
        None, "Text files in UTF-8; comma-separated files and globs.", section=TEXT, comma_separated=True
    )
    input_format: str = option(
        "auto",
        "How documents stand in the files; auto: jsonl where they hold that, else sentences. sentences: a sentence on each line, "
        "a blank line between documents. paragraphs: running text, which is split into sentences; a blank line ends a "
        "paragraph, two end a document. jsonl: an object on each line, a document each. The end of a file always ends a "
        "document.",
        choices=("auto", "sentences", "paragraphs", "jsonl"),
        section=TEXT,
    )
    text_field: str = option("text", "Key of the text in the objects of --input_format=jsonl.", section=TEXT)
    vocab_file: str | None = shared_options.vocab_file_before_training(TEXT)
    tokenization: str = shared_options.tokenization(TEXT)
    sp_model_file: str = option("", "SentencePiece model.", section=TEXT, other_names=("spm_model_file", "spiece_model_file"))
    do_lower_case: bool | None = shared_options.do_lower_case_before_training(TEXT)
    strip_accents: bool | None = shared_options.strip_accents_before_training(TEXT)
    keep_tokens: str | None = shared_options.keep_tokens(TEXT)
    on_bad_row: str = option(
        "fail",
        "What to do with a line of JSON that holds no text: end, or leave it out, count it and list it in "
        "<metadata>.rejects.jsonl.",
        choices=("fail", "skip"),
        section=TEXT,
    )

    output_file: str | None = option(
        None,
        "Records to write. A list of files separated by commas: these are the shards. A name with *, such as train-*.tfrecord: "
        "the * becomes 00000-of-00016. A plain name is one file; with --num_shards the numbers stand before its ending.",
        section=OUTPUT,
        comma_separated=True,
    )
    num_shards: int | None = option(
        None,
        "Number of files [default: with * in --output_file 16, for less than 1 MB of text fewer, for more than 256 MB one for "
        "every 16 MB]. Pods want at least ten files for each host.",
        check=at_least(1),
        section=OUTPUT,
    )
    meta_data_file_path: str | None = option(
        None, "meta_data.json to write [default: meta_data.json beside the records].", section=OUTPUT
    )
    gzip_compress: bool = option(False, "Compress the records.", section=OUTPUT)
    use_v2_feature_names: bool = option(
        False, "Write input_word_ids and input_type_ids for input_ids and segment_ids; training here reads both.", section=OUTPUT
    )
    pad_to_max_length: bool = option(
        False, "Write fixed-length records for the model garden's reader; ours needs none.", section=OUTPUT
    )

    max_seq_length: int = option(128, "Longest input in tokens, special tokens included.", check=at_least(5), section=SEGMENTS)
    short_seq_prob: float = option(
        0.1, "How often the aim is an input shorter than --max_seq_length.", check=fraction, section=SEGMENTS
    )
    dupe_factor: int | None = option(
        None,
        "Passes through the text, each with other pairs and masks [default: 10; 1 with --dynamic_masking, where only the pairs "
        "would differ].",
        check=at_least(1),
        section=SEGMENTS,
    )
    sentence_pairs: str = option(
        "nsp",
        "nsp: the second segment follows the first or is from another document (BERT). sop: the two are in order or swapped "
        "(ALBERT). none: running text across documents, no pairs and no label (RoBERTa).",
        choices=("nsp", "sop", "none"),
        section=SEGMENTS,
    )
    random_seed: int = option(12345, "Of everything random; the same seed gives the same bytes.", section=SEGMENTS)

    masked_lm_prob: float = option(0.15, "Share of the tokens of an input to predict.", check=fraction, section=MASKING)
    max_predictions_per_seq: int = option(20, "Most tokens of an input to predict.", check=at_least(1), section=MASKING)
    do_whole_word_mask: bool = option(False, "Mask all tokens of a word together.", section=MASKING)
    max_ngram_size: int | None = option(
        None,
        "Mask up to so many words in a row as one, n of them with a weight of 1/n; needs --do_whole_word_mask.",
        check=not_negative,
        section=MASKING,
    )
    word_segmenter: str | None = option(
        None,
        "What finds the words of Chinese text for --do_whole_word_mask (pip install 'bert_tf2[zh]'); without it every character "
        "is a word.",
        choices=("jieba",),
        section=MASKING,
    )
    dynamic_masking: bool = option(
        False, "Leave masking to training, which draws anew in every epoch; the records hold the text as it is.", section=MASKING
    )

    num_workers: int = option(
        1,
        "Processes that make shards; the records do not depend on it. 0: one for each processor.",
        check=at_least(0),
        section=WORKERS,
    )
    runner: str | None = option(
        None, "Beam runner that makes the shards: local, DataflowRunner, FlinkRunner, SparkRunner, …", section=BEAM
    )
    pipeline_options: str = option("", "Options of the Beam pipeline, as on its command line, separated by spaces.", section=BEAM)


def check_pretraining_data_options(options: PretrainingDataOptions) -> None:
    """Applies the checks between options; light.

    Raises:
      UserError: something needed is not given, or a flag could do nothing.
    """
    is_wordpiece = options.tokenization == "WordPiece"
    needed = {
        "input_file": "the text",
        "output_file": "the records to write, such as out/train-*.tfrecord",
        "vocab_file" if is_wordpiece else "sp_model_file": "the vocabulary of the model that will be trained",
    }
    require_given(options, needed)
    if is_wordpiece:
        refuse_given(options, ("sp_model_file",), "belongs to --tokenization=SentencePiece")
    else:
        refuse_given(options, ("vocab_file",), "belongs to --tokenization=WordPiece; SentencePiece has --sp_model_file")
    if options.input_format not in ("auto", "jsonl"):
        _refuse_flags_of_json(options)
    if not options.masked_lm_prob:
        raise UserError("--masked_lm_prob must be greater than 0; got 0.0")
    _check_masking(options)
    if options.runner is None:
        refuse_given(options, ("pipeline_options",), "belongs to --runner")
    else:
        refuse_given(options, ("num_workers",), "is for local workers; Beam takes the number from --pipeline_options")


def _refuse_flags_of_json(options: PretrainingDataOptions) -> None:
    refuse_given(options, ("text_field", "on_bad_row"), "belongs to --input_format=jsonl; of plain text every line is text")


def _check_masking(options: PretrainingDataOptions) -> None:
    if options.dynamic_masking:
        refuse_given(options, ("max_ngram_size",), "cannot be used with --dynamic_masking: training masks single words")
    if not options.do_whole_word_mask:
        for flag in ("max_ngram_size", "word_segmenter"):
            # 0 is how the original says that there are no n-grams.
            if getattr(options, flag):
                raise UserError(f"--{flag} needs --do_whole_word_mask: it tells which words are masked together")
    if options.word_segmenter and options.tokenization != "WordPiece":
        raise UserError("--word_segmenter is for WordPiece, which cuts Chinese into characters; SentencePiece knows words")


@job
def create_pretraining_data(options: PretrainingDataOptions) -> "PreparedPretraining":
    """Writes the records and the metadata, prints a summary and returns what was written.

    Raises:
      UserError: options or text that cannot be used, or files of another run in the way.
      JobError: writing failed; the shards that were finished stay, and the same call goes on from there.
    """
    check_pretraining_data_options(options)
    from bert_tf2.tasks.pretraining.documents import JSONL, TextFormat, recognise_format
    from bert_tf2.tasks.pretraining.preparation import TextSource, prepare_pretraining
    from bert_tf2.tasks.pretraining.records import InstanceSettings
    from bert_tf2.tasks.pretraining.shard_plan import OutputNames
    from bert_tf2.text.tokenizer import load_tokenizer

    names = OutputNames(required(options.output_file), options.num_shards)
    paths = files.matching_files(required(options.input_file), "input_file")
    meta_data_path = files.expand(options.meta_data_file_path or os.path.join(names.directories[0], "meta_data.json"))
    _refuse_overwriting(options, paths, names, meta_data_path)
    input_format = recognise_format(paths, options.input_format)
    if input_format != JSONL:
        _refuse_flags_of_json(options)
    if options.word_segmenter:
        from bert_tf2.tasks.pretraining.document_tokens import require_jieba

        require_jieba()
    settings = InstanceSettings(
        max_seq_length=options.max_seq_length,
        max_predictions_per_seq=options.max_predictions_per_seq,
        masked_lm_prob=options.masked_lm_prob,
        short_seq_prob=options.short_seq_prob,
        dupe_factor=options.dupe_factor or (1 if options.dynamic_masking else _DUPE_FACTOR),
        random_seed=options.random_seed,
        sentence_pairs=options.sentence_pairs,
        whole_word_masking=options.do_whole_word_mask,
        max_ngram_size=options.max_ngram_size or 1,
        dynamic_masking=options.dynamic_masking,
        word_segmenter=options.word_segmenter,
        pad_to_max_length=options.pad_to_max_length,
        use_v2_feature_names=options.use_v2_feature_names,
        gzip=options.gzip_compress,
    )
    tokenizer: dict[str, Any] = {
        "vocab_file": options.vocab_file,
        "sp_model_file": options.sp_model_file or None,
        "tokenization": options.tokenization,
        "do_lower_case": options.do_lower_case,
        "strip_accents": options.strip_accents,
        "keep_tokens": options.keep_tokens,
    }
    source = TextSource(tuple(paths), TextFormat(input_format, options.text_field, options.on_bad_row == "skip"), tokenizer)
    prepared = prepare_pretraining(source, names, meta_data_path, settings, _shard_maker(options), _tell)
    write_vocabulary_beside(prepared.meta_data_path, load_tokenizer(**tokenizer))
    if options.num_workers > len(prepared.paths):
        _tell(
            f"warning: {options.num_workers} workers had {len(prepared.paths)} files to make, one each; name more by "
            "--num_shards, or by a * in --output_file"
        )
    print(summary(prepared))
    return prepared


def _refuse_overwriting(options: PretrainingDataOptions, paths: list[str], names: "OutputNames", meta_data_path: str) -> None:
    inputs = dict.fromkeys(paths, "input_file")
    for flag in ("vocab_file", "sp_model_file"):
        if getattr(options, flag):
            inputs[getattr(options, flag)] = flag
    outputs = names.paths(names.given_number or 1)
    refuse_overwriting(inputs, (*outputs, meta_data_path))
    if os.path.realpath(meta_data_path) in map(os.path.realpath, outputs):
        raise UserError(f"--meta_data_file_path is also an --output_file: {meta_data_path}")


def _shard_maker(options: PretrainingDataOptions) -> functools.partial:
    """What makes the shards: local processes or a Beam runner."""
    if options.runner is None:
        from bert_tf2.tasks.pretraining.workers import make_shards

        return functools.partial(make_shards, num_workers=options.num_workers or len(os.sched_getaffinity(0)))
    from bert_tf2.tasks.pretraining.beam import LOCAL_RUNNER, make_shards_with_beam, require_beam

    require_beam()
    runner = LOCAL_RUNNER if options.runner == "local" else options.runner
    return functools.partial(make_shards_with_beam, runner=runner, pipeline_options=shlex.split(options.pipeline_options))


def _tell(line: str) -> None:
    logger = logging.getLogger(__name__)
    if line.startswith("warning: "):
        logger.warning(line.removeprefix("warning: "))
    else:
        logger.info(line)


def summary(prepared: "PreparedPretraining") -> str:
    """What was written and what to run next."""
    settings, counts, text = prepared.settings, prepared.instances, prepared.text
    shards = prepared.meta_data.shards
    masked = "left to training" if settings.masked_fraction is None else f"{settings.masked_fraction:.1%} of the tokens"
    passes = f"{settings.dupe_factor} pass{'es' if settings.dupe_factor > 1 else ''}"
    documents = f"{text.documents:,} document{'s' if text.documents > 1 else ''}"
    lines = [
        f"{counts.records:,} records from {documents} ({text.tokens:,} tokens, {passes})",
        f"  {settings.mean_tokens:.1f} tokens on average, {settings.padding_fraction:.1%} of the slots would be padding; "
        f"masked: {masked}",
    ]
    if settings.next_sentence_fraction is not None:
        what = "a random second segment" if settings.sentence_pairs == "nsp" else "swapped segments"
        lines.append(f"  {settings.next_sentence_fraction:.1%} have {what}")
    size = sum(shard.bytes for shard in shards)
    lines += [
        f"  {len(shards)} file{'s' if len(shards) > 1 else ''}, {size / 1e6:,.1f} MB: {prepared.paths[0]}"
        + (f" … {os.path.basename(prepared.paths[-1])}" if len(shards) > 1 else ""),
        f"metadata: {prepared.meta_data_path}",
        "to train on several hosts, make at least ten files for each (--num_shards)"
        + (f"; these are enough for {len(shards) // 10}" if len(shards) >= 20 else ""),
        "",
        "Next:",
    ]
    return "\n".join([*lines, _next_command(prepared)])


def _next_command(prepared: "PreparedPretraining") -> str:
    first = prepared.paths[0]
    pattern = first.replace("00000-of-", "*-of-")
    if len(prepared.paths) < 3 or pattern == first:
        pattern = ",".join(prepared.paths)
    parts = [
        f"  python run_pretraining.py --input_files='{pattern}'",
        f"--input_meta_data_path={prepared.meta_data_path}",
        "--bert_config_file=<model>/bert_config.json",
        "--model_dir=<where to>",
    ]
    return " \\\n    ".join(parts)


def command(description: str = "Makes TFRecords and meta_data.json for pre-training, from raw text.") -> None:
    """Runs the command line and ends the process; `description` is what `--help` says first."""
    from bert_tf2 import cli

    cli.main(create_pretraining_data, PretrainingDataOptions, description)
