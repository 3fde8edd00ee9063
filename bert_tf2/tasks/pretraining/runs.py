"""What makes two runs of create_pretraining_data the same, and what is refused when they are not."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.records import metadata
from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining.documents import Scanned, TextFormat
from bert_tf2.tasks.pretraining.records import InstanceSettings
from bert_tf2.tasks.pretraining.shards import read_progress

RUN = "pretraining_run"
# To be raised when the same run would write other bytes than before.
_FORMAT = 1


def describe_run(
    text_format: TextFormat, scanned: Sequence[Scanned], settings: InstanceSettings, tokenizer: Any, number: int
) -> dict[str, Any]:
    """What makes the bytes of the shards: two runs with the same description write the same files."""
    digest = hashlib.sha256("".join(file.sha256 for file in scanned).encode()).hexdigest()
    return {
        **dataclasses.asdict(settings),
        "input_format": text_format.name,
        "text_field": text_format.text_field,
        "tokenization": tokenizer.kind,
        "do_lower_case": tokenizer.normalization.fact,
        "vocabulary": tokenizer.fingerprint,
        "text": digest,
        "num_shards": number,
        "format": _FORMAT,
    }


def refuse_other_runs(paths: list[str], others: list[str], meta_data_path: str, run: dict[str, Any]) -> None:
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
