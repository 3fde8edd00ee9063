"""What the benchmark of GPUs works on: records, the same rows as NumPy arrays for PyTorch, configurations, a vocabulary."""

import os
import pathlib
import shutil
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
from peers import book, turns
from peers.weights import BASE_CONFIG

from bert_tf2 import files
from bert_tf2.errors import UserError

LENGTHS = {"mrpc": 128, "squad": 384, "pretraining": 512}
MAX_PREDICTIONS = 77
# Of a document: enough for several full rows.
_PARAGRAPHS = 100
CONFIGS = {
    "base": BASE_CONFIG,
    "large": BASE_CONFIG | {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    "tiny": BASE_CONFIG | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
}
_FILES = [f"{name}.{ending}" for name in LENGTHS for ending in ("tf_record", "npz")]
_FILES += ["mrpc.json", "squad.json", "mrpc_padded.tf_record", "mrpc_padded.json", *(f"{name}.json" for name in CONFIGS)]


def missing(directory: pathlib.Path) -> list[str]:
    """What `make` makes and is not there."""
    return [name for name in _FILES if not (directory / name).is_file()]


def make(directory: pathlib.Path, data_dir: str, squad_file: str, text_files: str, vocab_file: str, rows: int) -> None:
    """Makes all files in a directory; needs no GPU.

    Args:
      directory: where they go.
      data_dir: directory of MRPC's train.tsv.
      squad_file: SQuAD 1.1 JSON.
      text_files: books, comma-separated.
      vocab_file: WordPiece, lower-cased.
      rows: of pre-training, all of full length.

    Raises:
      UserError: the books do not give as many.
    """
    files.make_directory(str(directory))
    for name, config in CONFIGS.items():
        files.write_json(str(directory / f"{name}.json"), config)
    shutil.copyfile(vocab_file, directory / "vocab.txt")
    script = [sys.executable, str(turns.ROOT / "data_prep" / "create_finetuning_data.py"), f"--vocab_file={vocab_file}"]
    mrpc = ["--classification_task_name=MRPC", f"--input_data_dir={data_dir}", f"--max_seq_length={LENGTHS['mrpc']}"]
    squad = ["--fine_tuning_task_type=squad", f"--squad_data_file={squad_file}", f"--max_seq_length={LENGTHS['squad']}"]
    for name, flags in (("mrpc", mrpc), ("mrpc_padded", [*mrpc, "--pad_to_max_length"]), ("squad", squad)):
        outputs = [f"--train_data_output_path={directory / name}.tf_record", f"--meta_data_file_path={directory / name}.json"]
        turns.run_quietly([*script, *flags, *outputs])
    _make_pretraining_rows(directory, text_files, vocab_file, rows)
    for name in LENGTHS:
        _write_arrays(_read(directory / f"{name}.tf_record"), directory / f"{name}.npz")


def size(directory: pathlib.Path) -> int:
    """Bytes of all files in the directory."""
    return sum(path.stat().st_size for path in directory.iterdir())


def _make_pretraining_rows(directory: pathlib.Path, text_files: str, vocab_file: str, rows: int) -> None:
    from bert_tf2.data.records.record_writer import RecordWriter
    from bert_tf2.tasks.pretraining.features import pretraining_features

    all_rows = directory / "all_pretraining_rows"
    files.make_directory(str(all_rows))
    texts = [pathlib.Path(path).read_text(encoding="utf-8-sig") for path in text_files.split(",")]
    (all_rows / "books.txt").write_text("\n".join(book.sentences(text, _PARAGRAPHS) for text in texts), encoding="utf-8")
    script = [
        sys.executable,
        str(turns.ROOT / "data_prep" / "create_pretraining_data.py"),
        f"--input_file={all_rows / 'books.txt'}",
    ]
    script += [f"--vocab_file={vocab_file}", f"--output_file={all_rows / 'rows.tf_record'}", "--short_seq_prob=0"]
    script += [f"--max_seq_length={LENGTHS['pretraining']}", f"--max_predictions_per_seq={MAX_PREDICTIONS}", "--dupe_factor=2"]
    turns.run_quietly(script)
    records = _read(all_rows / "rows.tf_record")
    full = [row for row in records if len(row["input_ids"]) == LENGTHS["pretraining"]][:rows]
    shutil.rmtree(all_rows)
    if len(full) < rows:
        raise UserError(f"the books give {len(full)} full rows of {len(records)}, not {rows}: give more with --text_files")
    with RecordWriter(str(directory / "pretraining.tf_record"), pretraining_features()) as writer:
        for row in full:
            writer.write(row)


def _read(path: pathlib.Path) -> list[dict[str, list]]:
    import tensorflow as tf

    rows = []
    for serialized in tf.data.TFRecordDataset(str(path)):
        features = tf.train.Example.FromString(serialized.numpy()).features.feature
        rows.append({name: list(one.int64_list.value or one.float_list.value) for name, one in features.items()})
    return rows


def _write_arrays(rows: Sequence[dict[str, list]], path: pathlib.Path) -> None:
    """Writes every feature as all of its values in a row, `NAME`, and how many each row has, `NAME_counts`."""
    arrays = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        arrays[name] = np.concatenate(values).astype(np.float32 if isinstance(values[0][0], float) else np.int32)
        arrays[f"{name}_counts"] = np.array([len(one) for one in values], np.int32)
    np.savez_compressed(path, **arrays)
