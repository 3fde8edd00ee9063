"""bert_tf2, by the job behind run_classifier.py with its defaults; each step is waited for, as Keras and PyTorch do here."""

import measure
import watched  # first: it puts the project on the path

from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions


def train(job: dict, **options: object) -> None:
    """Trains for `steps` steps, one epoch, or as the options say."""
    if "num_train_epochs" not in options:
        options["train_data_size"] = job["steps"] * job["batch_size"]
    defaults = {
        "mode": "train",
        "input_meta_data_path": job["meta_data"],
        "train_data_path": job["records"],
        "bert_config_file": job["config"],
        "init_checkpoint": job["weights"] or None,
        "model_dir": job["model_dir"],
        "train_batch_size": job["batch_size"],
        "learning_rate": 2e-5,
        "num_train_epochs": 1.0,
        "dtype": job["dtype"],
        "num_gpus": 0,
        "steps_per_loop": 1,
        "seed": 1,
    }
    run_classifier(ClassifierOptions(**defaults | options))


def main() -> None:
    """Trains and prints the steps' times."""
    job = measure.job()
    steps = watched.watch_steps(job["batch_size"])
    train(job)
    steps.report(job["warm_up"], job["batch_size"])


if __name__ == "__main__":
    main()
