"""bert_tf2, by the job behind run_classifier.py with its defaults; each step is waited for, as Keras and PyTorch do here."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import measure

from bert_tf2.data.pipeline import Padding
from bert_tf2.jobs.classifier import run_classifier
from bert_tf2.jobs.classifier_options import ClassifierOptions
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
    run_classifier(
        ClassifierOptions(
            mode="train",
            input_meta_data_path=job["meta_data"],
            train_data_path=job["records"],
            train_data_size=job["steps"] * job["batch_size"],
            bert_config_file=job["config"],
            init_checkpoint=job["weights"] or None,
            model_dir=job["model_dir"],
            train_batch_size=job["batch_size"],
            learning_rate=2e-5,
            num_train_epochs=1.0,
            dtype=job["dtype"],
            num_gpus=0,
            steps_per_loop=1,
            seed=1,
        )
    )
    steps.report(job["warm_up"], job["batch_size"])


if __name__ == "__main__":
    main()
