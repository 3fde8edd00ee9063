"""The model garden's pre-training, by its own `run_bert_pretrain`: its model, optimizer, reader and loop."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import measure
import tf_keras
from absl import flags
from official.common import distribute_utils
from official.legacy.bert import run_pretraining


def main() -> None:
    """Trains for `steps` steps and prints their times; the checkpoint is written after the last one."""
    job = measure.job()
    arguments = {
        "input_files": job["records"],
        "max_seq_length": job["max_seq_length"],
        "max_predictions_per_seq": job["max_predictions"],
        "bert_config_file": job["config"],
        "model_dir": job["model_dir"],
        "train_batch_size": job["batch_size"],
        "num_steps_per_epoch": job["steps"],
        "num_train_epochs": 1,
        "steps_per_loop": 1,
        "warmup_steps": 1,
        "learning_rate": 1e-4,
        "dtype": job["dtype"],
    }
    flags.FLAGS(["garden", *(f"--{name}={value}" for name, value in arguments.items())])
    steps = measure.Steps()
    on_end = tf_keras.callbacks.LambdaCallback(
        # The loop has read the loss by then.
        on_batch_end=lambda batch, logs: steps.ended(job["batch_size"] * job["max_seq_length"])
    )
    strategy = distribute_utils.get_distribution_strategy("one_device", num_gpus=0)
    run_pretraining.run_bert_pretrain(strategy, custom_callbacks=[on_end])
    steps.report(job["warm_up"], job["batch_size"])


if __name__ == "__main__":
    main()
