"""A finished training, opened by its directory: what its model is and what it was trained on."""

import dataclasses
import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.model_directory.metadata_checks import facts_of
from bert_tf2.model_directory.model_files import BERT_CONFIG, META_DATA
from bert_tf2.training.run_directory import RUN_CONFIG

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig

_CHECKPOINT = re.compile(r"ckpt-(\d+)")
_INDEX = re.compile(r"ckpt-(\d+)\.index")


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run's directory with the checkpoint of one step.

    Attributes:
      named: as the command named it.
      directory: the directory.
      step: of the checkpoint.
      config: of the encoder.
      meta: of the records that it was trained on.
      noted: what its training noted of its data: the kind's options too.
    """

    named: str
    directory: str
    step: int
    config: "BertConfig"
    meta: MetaData
    noted: dict[str, Any]

    @classmethod
    def open(cls, named: str, flag: str) -> "TrainedRun":
        """Opens a directory that a training left, or one of its checkpoints (`DIRECTORY/ckpt-N`).

        Args:
          named: the path.
          flag: the flag that it comes from, for messages.

        Raises:
          UserError: there is no such directory, or no training left it.
        """
        from bert_tf2.models.families.base import read_config

        path = files.expand(named).rstrip("/")
        chosen = _CHECKPOINT.fullmatch(os.path.basename(path))
        directory = os.path.dirname(path) or "." if chosen else path
        cure = "give the --model_dir of a finished training"
        if not files.is_remote(directory) and not os.path.isdir(directory):
            raise UserError(f"--{flag}={named}: there is no directory {directory}; {cure}")
        missing = [name for name in (BERT_CONFIG, META_DATA, RUN_CONFIG) if not files.exists(os.path.join(directory, name))]
        steps = sorted(int(found[1]) for found in map(_INDEX.fullmatch, files.names_in(directory)) if found)
        if missing or not steps:
            lacks = ", ".join([*missing, *([] if steps else ["checkpoints (ckpt-N)"])])
            raise UserError(f"--{flag}={named}: {directory} lacks {lacks}, which a training leaves there; {cure}")
        step = int(chosen[1]) if chosen else steps[-1]
        if step not in steps:
            known = ", ".join(f"ckpt-{one}" for one in steps)
            raise UserError(f"--{flag}={named}: there is no such checkpoint; {directory} holds {known}")
        config = read_config(os.path.join(directory, BERT_CONFIG))
        run = files.read_object(directory, RUN_CONFIG).get("run")
        noted = run.get("data") if isinstance(run, dict) else None
        meta = read_meta_data(os.path.join(directory, META_DATA))
        return cls(named, directory, step, config, meta, noted if isinstance(noted, dict) else {})

    @property
    def facts(self) -> dict[str, Any]:
        """What the model and data must agree in; None where nothing is known."""
        return {**facts_of(self.meta), "labels": list(self.meta.label_list) or None}

    def fingerprint(self) -> str:
        """The SHA-256 of its weights and its configuration."""
        names = [name for name in files.names_in(self.directory) if name.startswith(f"ckpt-{self.step}.")]
        digests = [files.sha256_of_file(os.path.join(self.directory, name)) for name in sorted([*names, BERT_CONFIG])]
        return hashlib.sha256("".join(digests).encode()).hexdigest()
