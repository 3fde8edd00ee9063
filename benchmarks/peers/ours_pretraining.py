"""bert_tf2, by the job behind run_pretraining.py with its defaults; each step is waited for, as the garden's loop does here."""

import measure
import watched  # first: it puts the project on the path

from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions


def train(job: dict, **options: object) -> None:
    """Trains for `steps` steps, or as the options say."""
    defaults = {
        "input_files": job["records"],
        "max_seq_length": job["max_seq_length"],
        "max_predictions_per_seq": job["max_predictions"],
        "bert_config_file": job["config"],
        "model_dir": job["model_dir"],
        "train_batch_size": job["batch_size"],
        "num_train_steps": job["steps"],
        "num_steps_per_epoch": job["steps"],
        "warmup_steps": 1,
        "learning_rate": 1e-4,
        "dtype": job["dtype"],
        "bucket_by_length": job["bucket_by_length"],
        "recompute": job.get("recompute", False),
        "num_gpus": 0,
        "steps_per_loop": 1,
        "seed": 1,
    }
    run_pretraining(PretrainingOptions(**defaults | options))


def main() -> None:
    """Trains and prints the steps' times."""
    job = measure.job()
    steps = watched.watch_steps(job["batch_size"], None if job["bucket_by_length"] else job["max_seq_length"])
    train(job)
    steps.report(job["warm_up"], job["batch_size"])


if __name__ == "__main__":
    main()
