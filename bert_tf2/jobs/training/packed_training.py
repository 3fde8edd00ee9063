"""Whether and into what a training packs its examples."""

import dataclasses
from typing import TypeVar

import tf_keras

from bert_tf2.data.batches.packing import PackShape
from bert_tf2.data.batches.pipeline import Padding
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.errors import UserError
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.models.packing import is_only_read_at_its_end
from bert_tf2.training.run_directory import RunDirectory

JobOptions = TypeVar("JobOptions", bound=TrainingOptions)


def settled(options: JobOptions, why_not: str | None, directory: RunDirectory) -> JobOptions:
    """The options, with whether examples are packed: as was said, else as the training in the directory began, else on TPU.

    Args:
      options: say it, or leave it open.
      why_not: why examples of the task cannot be packed; None where they can.
      directory: of the training. One of a time before packing stays undecided, which is what it noted.

    Raises:
      UserError: it was said, and they cannot be.
    """
    if options.pack_sequences and why_not is not None:
        raise UserError(f"--pack_sequences: {why_not}; leave it out")
    packs, begun = options.pack_sequences, directory.has_checkpoints()
    before = directory.noted("pack_sequences") if begun else None
    if packs is None and not begun:
        packs = training_setup.is_tpu(options) and why_not is None
    elif begun and not packs and None in (packs, before):
        packs = before
    return dataclasses.replace(options, pack_sequences=packs)


def require_its_end(encoder: tf_keras.Model, model: tf_keras.Model) -> None:
    """Makes sure that a model can be trained on packs.

    Raises:
      UserError: it reads what belongs to no example.
    """
    if not is_only_read_at_its_end(encoder, model):
        raise UserError(
            "--pack_sequences: this kind's head reads what blocks of the encoder before the last give, which in packs belongs to "
            "no example; use --nopack_sequences"
        )


def packed_padding(padding: Padding, packs: PackShape) -> Padding:
    """The sizes of batches whose examples are packed: one shape wherever it runs."""
    return dataclasses.replace(padding, fixed={**padding.fixed, TOKENS: packs.slots}, full_batches=True, packs=packs)


def told(packs: PackShape | None, parts: int, batch_size: int) -> str:
    """What a line about the training ends with."""
    if packs is None:
        return ""
    rows = parts * packs.packs
    saving = "" if rows < batch_size else " (no fewer than without packing; larger batches pack better)"
    return f", packed into {rows} rows of {packs.slots} tokens{saving}"
