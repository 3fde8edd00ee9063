"""bert_tf2, by the job behind run_pretraining.py with its defaults; each step is waited for, as the garden's loop does here."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import measure

from bert_tf2.data.pipeline import Padding
from bert_tf2.jobs.pretraining import run_pretraining
from bert_tf2.jobs.pretraining_options import PretrainingOptions
from bert_tf2.training.train_step import LoopResult, TrainStep


def main() -> None:
    """Trains for `steps` steps and prints their times."""
    job = measure.job()
    steps, lengths = measure.Steps(), []
    run, length = TrainStep.run, Padding.length

    def watched_run(self: TrainStep, *arguments: object) -> LoopResult:
        result = run(self, *arguments)
        float(result.loss_sum)
        steps.ended(job["batch_size"] * lengths.pop(0))
        return result

    def watched_length(self: Padding, of_rows: object) -> int:
        lengths.append(length(self, of_rows))
        return lengths[-1]

    TrainStep.run, Padding.length = watched_run, watched_length
    run_pretraining(
        PretrainingOptions(
            input_files=job["records"],
            max_seq_length=job["max_seq_length"],
            max_predictions_per_seq=job["max_predictions"],
            bert_config_file=job["config"],
            model_dir=job["model_dir"],
            train_batch_size=job["batch_size"],
            num_train_steps=job["steps"],
            num_steps_per_epoch=job["steps"],
            warmup_steps=1,
            learning_rate=1e-4,
            dtype=job["dtype"],
            bucket_by_length=job["bucket_by_length"],
            num_gpus=0,
            steps_per_loop=1,
            seed=1,
        )
    )
    steps.report(job["warm_up"], job["batch_size"])


if __name__ == "__main__":
    main()
