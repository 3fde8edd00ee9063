"""bert_tf2 on SQuAD: training by the job behind run_squad.py with its defaults, prediction by what that job predicts with."""

import measure
import watched  # first: it puts the project on the path

from bert_tf2.data.batches.pipeline import Padding
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions


def train(job: dict, **options: object) -> None:
    """Trains for one epoch of the records, or as the options say."""
    defaults = {
        "mode": "train",
        "input_meta_data_path": job["meta_data"],
        "train_data_path": job["records"],
        "bert_config_file": job["config"],
        "init_checkpoint": job["weights"] or None,
        "model_dir": job["model_dir"],
        "train_batch_size": job["batch_size"],
        "learning_rate": 3e-5,
        "num_train_epochs": 1.0,
        "dtype": job["dtype"],
        "num_gpus": 0,
        "steps_per_loop": 1,
        "seed": 1,
    }
    run_squad(SquadOptions(**defaults | options))


def measure_training(job: dict) -> None:
    """Trains for `steps` steps and prints their times; each step is waited for."""
    steps = watched.watch_steps(job["batch_size"])
    train(job)
    steps.report(job["warm_up"], job["batch_size"])


def predict(job: dict) -> None:
    """Computes the logits of all windows twice and prints the time of the second pass, set-up and reordering included."""
    import tensorflow as tf

    from bert_tf2.data.records.record_set import RecordSet
    from bert_tf2.models.checkpoints.loading import load_encoder_weights
    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.tasks.question_answering.decoding import DecodingOptions
    from bert_tf2.tasks.question_answering.features import squad_features
    from bert_tf2.tasks.question_answering.task import SpanTask
    from bert_tf2.training.evaluation import predict_all

    config, strategy = BertConfig.from_json_file(job["config"]), tf.distribute.OneDeviceStrategy("/cpu:0")
    task = SpanTask(DecodingOptions())
    encoder = build_encoder(config)
    model = task.build_model(encoder)
    load_encoder_weights(encoder, job["weights"], config)
    records = RecordSet.open(job["records"], squad_features(training=False))
    padding = Padding(most={"tokens": job["max_seq_length"]})
    steps, lengths = measure.Steps(), watched.watch_lengths()
    for _ in range(2):
        lengths.clear()
        predict_all(task, model, strategy, records, job["batch_size"], padding)
        steps.ended(job["batch_size"] * sum(lengths) // len(lengths))
    steps.report(1, len(records))


if __name__ == "__main__":
    asked = measure.job()
    {"training": measure_training, "prediction": predict}[asked["part"]](asked)
