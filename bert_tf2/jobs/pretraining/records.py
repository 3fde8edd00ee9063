"""Opening the records of a pre-training job: checked, and masked where the training chooses what to mask."""

import logging
import os
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf2 import files
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.sharded_records import ShardedRecords
from bert_tf2.errors import UserError
from bert_tf2.jobs.pretraining.inputs import PretrainingInputs, shards_of
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.models.config import BertConfig
from bert_tf2.options import required
from bert_tf2.tasks.base import Task
from bert_tf2.tasks.pretraining.dynamic_masking import DynamicMasking

logger = logging.getLogger(__name__)

TRAINING = "training"
_LOOKED_AT = 256
_FILES_PER_WORKER = 10
# Files of one run of create_pretraining_data.py differ by less.
_MOST_UNEQUAL = 4
# Held-out records are masked in the same way in every run, so that runs can be compared.
_EVALUATION_SEED = 12345


class PretrainingRecords:
    """Opens training and held-out records.

    A few hundred records are looked at before the training starts; all are checked as they are read.

    Args:
      options: which files.
      data: what is known of them.
      config: the model's configuration.
      task: what records must hold.
    """

    def __init__(self, options: PretrainingOptions, data: PretrainingInputs, config: BertConfig, task: Task):
        self._options, self._data, self._config, self._task = options, data, config, task

    def training(self, worker: int, workers: int) -> ShardedRecords:
        """The training records of a worker.

        Raises:
          UserError: files or records that cannot be used.
        """
        pattern = required(self._options.files)
        shards = shards_of(self._options, self._data, pattern)
        records = ShardedRecords.open(pattern, self._task.features, shards, "input_files", worker, workers)
        _warn_of_too_few(len(records.paths), workers)
        _warn_of_unequal(records.sizes[records.sizes > 0])
        self._check(records)
        return records

    def held_out(self) -> RecordSet:
        """The records of evaluations, the same on all workers.

        Raises:
          UserError: as `training`.
        """
        options = self._options
        pattern, flag = (
            (options.eval_input_files, "eval_input_files")
            if options.eval_input_files
            else (required(options.files), "input_files")
        )
        records = ShardedRecords.open(pattern, self._task.features, shards_of(options, self._data, pattern), flag)
        self._check(records)
        number = options.max_eval_steps * options.eval_batch_size
        return self.finish(records.first(number or None), _EVALUATION_SEED)

    def evaluated_on(self) -> str:
        """What the records of evaluations are called: `training` where the training reads any of their files too, `held-out`
        where they were given as such, else `given`."""
        options = self._options
        evaluated = required(options.eval_input_files or options.files)
        if options.trains:
            trained, others = (
                {os.path.realpath(path) for path in files.matching_files(pattern, "input_files")}
                for pattern in (required(options.files), evaluated)
            )
            if trained & others:
                return TRAINING
        return "held-out" if options.eval_input_files else "given"

    def finish(self, records: Any, seed: int) -> Any:
        """Says what is done to the batches of these records after they are parsed, and returns them."""
        settings = self._data.settings
        if settings is None:
            records.finish = _InVocabulary(self._config.vocab_size)
        elif settings.dynamic_masking:
            records.finish = DynamicMasking(
                seed,
                settings.masked_lm_prob,
                self._data.max_predictions_per_seq,
                required(self._data.meta).vocab_size or self._config.vocab_size,
                required(settings.mask_id),
            )
        return records

    def _check(self, records: ShardedRecords) -> None:
        rows = records.spread(_LOOKED_AT)
        lengths = records.lengths_of(rows)
        self._refuse(records, rows, lengths > self._data.max_seq_length, lengths, _LENGTH.format(self._data.max_seq_length))
        try:
            batch = parse_records(tf.constant([records.read(row) for row in rows.tolist()]), records.specs)
        except tf.errors.InvalidArgumentError as error:
            reason = error.message.strip().splitlines()[0]
            raise UserError(f"cannot parse the record in {records.location(int(rows[0]))} or one after it: {reason}") from None
        batch = {name: value.numpy() for name, value in batch.items()}
        most = self._data.max_predictions_per_seq
        if "masked_lm_weights" in batch:
            predictions = (batch["masked_lm_weights"] > 0).sum(1)
            self._refuse(records, rows, predictions > most, predictions, _PREDICTIONS.format(most))
            ids = np.maximum(batch["input_word_ids"].max(1), batch["masked_lm_ids"].max(1, initial=0))
            positions = batch["masked_lm_positions"].max(1, initial=0)
            self._refuse(records, rows, positions >= lengths, positions, "masks the place {}, which is outside of its tokens; ")
        else:
            ids = batch["input_word_ids"].max(1)
        self._refuse(records, rows, ids >= self._config.vocab_size, ids, _IDS.format(self._config.vocab_size))
        if "next_sentence_labels" in batch:
            labels = batch["next_sentence_labels"]
            self._refuse(records, rows, (labels < 0) | (labels > 1), labels, "next_sentence_labels must be 0 or 1; got {}; ")

    def _refuse(self, records: ShardedRecords, rows: np.ndarray, wrong: np.ndarray, values: np.ndarray, what: str) -> None:
        if wrong.any():
            index = int(np.argmax(wrong))
            cure = "give the values and the configuration that the records were made with, or make them again"
            raise UserError(f"{records.location(int(rows[index]))}: {what.format(values[index])}{cure}")


_LENGTH = "{{}} tokens, more than --max_seq_length={}; "
_PREDICTIONS = "{{}} masked tokens, more than --max_predictions_per_seq={}; "
_IDS = "the token id {{}} is outside of the model's vocabulary (vocab_size {} in --bert_config_file); "


class _InVocabulary:
    """Stops at a batch with a token that the model does not know: TensorFlow would take zeros for it on a GPU."""

    def __init__(self, vocab_size: int):
        self._vocab_size = vocab_size

    def __call__(self, batch: dict[str, tf.Tensor], sample_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        del sample_ids
        message = f"a token id is outside of the model's vocabulary of {self._vocab_size}"
        check = tf.debugging.assert_less(batch["input_word_ids"], self._vocab_size, message)
        with tf.control_dependencies([check] if check is not None else []):
            return {**batch, "input_word_ids": tf.identity(batch["input_word_ids"])}


def _warn_of_unequal(sizes: np.ndarray) -> None:
    smallest, largest = int(sizes.min(initial=np.iinfo(np.int64).max)), int(sizes.max(initial=0))
    if largest > _MOST_UNEQUAL * smallest:
        logger.warning(
            "--input_files: the files hold from %s to %s records and take equal turns, so a record of the smallest is seen %.0f "
            "times as often as one of the largest; make files of like sizes (--num_shards of create_pretraining_data.py)",
            f"{smallest:,}",
            f"{largest:,}",
            largest / smallest,
        )


def _warn_of_too_few(files: int, workers: int) -> None:
    if files % workers:
        logger.warning(
            "--input_files: %d file(s) cannot be divided among %d workers, so every worker opens all of them; write a multiple "
            "of %d files, best %d or more",
            files,
            workers,
            workers,
            _FILES_PER_WORKER * workers,
        )
    elif workers > 1 and files < _FILES_PER_WORKER * workers:
        logger.info(
            "--input_files: %d files for each of %d workers; %d or more read better", files // workers, workers, _FILES_PER_WORKER
        )
