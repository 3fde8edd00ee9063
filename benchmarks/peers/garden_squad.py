"""The model garden on SQuAD, by its own `train_squad` and `predict_squad_customized`: its model, loss, optimizer and reader."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import measure
import tensorflow as tf
import tf_keras
from absl import flags
from official.common import distribute_utils
from official.legacy.bert import configs, run_squad_helper


def train(job: dict, strategy: tf.distribute.Strategy) -> None:
    """Trains for `steps` steps and prints their times; the checkpoint is written after the last one."""
    steps = measure.Steps()
    on_end = tf_keras.callbacks.LambdaCallback(
        # The loop has read the loss by then.
        on_batch_end=lambda batch, logs: steps.ended(job["batch_size"] * job["max_seq_length"])
    )
    run_squad_helper.train_squad(
        strategy,
        {"train_data_size": job["steps"] * job["batch_size"], "max_seq_length": job["max_seq_length"]},
        configs.BertConfig.from_json_file(job["config"]),
        custom_callbacks=[on_end],
        init_checkpoint=job["tf2_checkpoint"],
    )
    steps.report(job["warm_up"], job["batch_size"])


def predict(job: dict, strategy: tf.distribute.Strategy) -> None:
    """Computes the logits of all windows and prints the times of its batches."""
    meta_data = {"max_seq_length": job["max_seq_length"]}
    config = configs.BertConfig.from_json_file(job["config"])
    model = run_squad_helper.get_squad_model_to_predict(strategy, config, job["tf2_checkpoint"], meta_data)
    steps, read = measure.Steps(), run_squad_helper.get_raw_results

    def watched_read(predictions: dict) -> list:
        results = list(read(predictions))
        steps.ended(job["batch_size"] * job["max_seq_length"])
        return results

    run_squad_helper.get_raw_results = watched_read
    run_squad_helper.predict_squad_customized(strategy, meta_data, job["records"], job["steps"], model)
    steps.report(job["warm_up"], job["batch_size"])


def main() -> None:
    """Sets the garden's flags and does the part that is asked for."""
    job = measure.job()
    run_squad_helper.define_common_squad_flags()
    arguments = {
        "train_data_path": job["records"],
        "bert_config_file": job["config"],
        "model_dir": job["model_dir"],
        "train_batch_size": job["batch_size"],
        "predict_batch_size": job["batch_size"],
        "learning_rate": 3e-5,
        "num_train_epochs": 1,
        "steps_per_loop": 1,
        "dtype": job["dtype"],
    }
    flags.FLAGS(["garden", *(f"--{name}={value}" for name, value in arguments.items())])
    strategy = distribute_utils.get_distribution_strategy("one_device", num_gpus=0)
    {"training": train, "prediction": predict}[job["part"]](job, strategy)


if __name__ == "__main__":
    main()
