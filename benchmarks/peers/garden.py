"""The model garden's classifier, by its own `run_bert_classifier`: its model, optimizer, reader, compile and fit.

Checkpoints, summaries and evaluation are left out, so that only its steps are measured.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import device_memory
import measure
import tf_keras
from absl import flags
from official.common import distribute_utils
from official.legacy.bert import configs, run_classifier
from official.modeling import performance


def main() -> None:
    """Trains for `steps` steps and prints their times."""
    job = measure.job()
    arguments = {
        "input_meta_data_path": job["meta_data"],
        "train_data_path": job["records"],
        "bert_config_file": job["config"],
        "model_dir": job["model_dir"],
        "train_batch_size": job["batch_size"],
        "dtype": job["dtype"],
    }
    flags.FLAGS(["garden", *(f"--{name}={value}" for name, value in arguments.items())])
    performance.set_mixed_precision_policy(run_classifier.common_flags.dtype())
    steps, num_gpus = measure.Steps(), job.get("num_gpus", 0)
    on_end = tf_keras.callbacks.LambdaCallback(
        # Reading the loss waits for the step.
        on_batch_end=lambda _, logs: (float(logs["loss"]), steps.ended(job["batch_size"] * job["max_seq_length"]))
    )
    run_classifier.run_bert_classifier(
        distribute_utils.get_distribution_strategy("one_device", num_gpus=num_gpus),
        configs.BertConfig.from_json_file(job["config"]),
        {"max_seq_length": job["max_seq_length"], "num_labels": 2},
        job["model_dir"],
        epochs=1,
        steps_per_epoch=job["steps"],
        steps_per_loop=1,
        eval_steps=0,
        warmup_steps=1,
        initial_lr=2e-5,
        init_checkpoint=job["tf2_checkpoint"],
        train_input_fn=run_classifier.get_dataset_fn(
            job["records"],
            job["max_seq_length"],
            job["batch_size"],
            is_training=True,
            num_samples=job["steps"] * job["batch_size"],
        ),
        eval_input_fn=None,
        training_callbacks=False,
        custom_callbacks=[on_end],
    )
    steps.report(job["warm_up"], job["batch_size"], **({"peak_mb": device_memory.peak_mb()} if num_gpus else {}))


if __name__ == "__main__":
    main()
