"""The commands that google-research/bert's and the model garden's README print, with only their paths changed."""

import json

import numpy as np
import pytest
import tensorflow as tf
from squad_workplace import write_squad

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder

pytestmark = pytest.mark.slow

COMMANDS = {
    "classifier": (run_classifier, ClassifierOptions),
    "squad": (run_squad, SquadOptions),
    "data": (create_finetuning_data, FinetuningDataOptions),
}


class Place:
    """A published model in Google's form, MRPC's files and SQuAD's, all tiny."""

    def __init__(self, directory, vocab_file, config):
        self.directory, self.vocab_file, self.config_file = directory, vocab_file, directory / "bert_config.json"
        # The READMEs' lengths need the published number of positions.
        config = config | {"max_position_embeddings": 512}
        self.config_file.write_text(json.dumps(config))
        encoder = tf.train.Checkpoint(model=build_encoder(BertConfig.from_dict(config))).write(str(directory / "encoder"))
        self.model = directory / "bert_model.ckpt"
        convert(open_source(encoder), BertConfig.from_dict(config), str(self.model), "tf1")
        self.glue = directory / "MRPC"
        self.glue.mkdir()
        for split, rows in (("train", 40), ("dev", 12), ("test", 9)):
            last = "#1 String\t#2 String"
            first = "index" if split == "test" else "Quality"
            lines = [f"{first}\t#1 ID\t#2 ID\t{last}"]
            lines += [
                f"{row % 2}\t{row}\t{row + 100}\tthe movie was good\tthe movie was {['bad', 'very'][row % 2]} {row}"
                for row in range(rows)
            ]
            (self.glue / f"{split}.tsv").write_text("\n".join(lines) + "\n")
        self.train, self.dev = directory / "train-v1.1.json", directory / "dev-v1.1.json"
        write_squad(self.train, 30, 1)
        write_squad(self.dev, 9, 2)

    def run(self, command: str, flags: str) -> None:
        """Runs a command on this machine's processor; names in braces are the place's paths."""
        job, options = COMMANDS[command]
        here = {name: str(value) for name, value in vars(self).items()}
        arguments = flags.format(**here).split() + ([] if command == "data" else ["--num_gpus=0"])
        assert cli.run(job, options, "", [command, *arguments]) == 0


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict) -> Place:
    """Nothing is trained yet."""
    return Place(tmp_path, tiny_vocab_file, tiny_config_dict)


MODEL = "--vocab_file={vocab_file} --bert_config_file={config_file} "


def test_google_research_fine_tunes_and_predicts_mrpc(place):
    place.run(
        "classifier",
        "--task_name=MRPC --do_train=true --do_eval=true --data_dir={glue} " + MODEL + "--init_checkpoint={model} "
        "--max_seq_length=128 --train_batch_size=32 --learning_rate=2e-5 --num_train_epochs=3.0 "
        "--output_dir={directory}/mrpc_output/",
    )
    assert "eval_accuracy = " in (place.directory / "mrpc_output" / "eval_results.txt").read_text()
    # TRAINED_CLASSIFIER=/path/to/fine/tuned/classifier
    place.run(
        "classifier",
        "--task_name=MRPC --do_predict=true --data_dir={glue} " + MODEL + "--init_checkpoint={directory}/mrpc_output "
        "--max_seq_length=128 --output_dir={directory}/mrpc_predicted/",
    )
    assert np.loadtxt(place.directory / "mrpc_predicted" / "test_results.tsv").shape == (9, 2)


def test_google_research_answers_squad(place):
    squad = (
        MODEL + "--init_checkpoint={model} --do_train=True --train_file={train} --do_predict=True --predict_file={dev} "
        "--train_batch_size=12 --learning_rate=3e-5 --num_train_epochs=2.0 --max_seq_length=384 --doc_stride=128 "
    )
    place.run("squad", squad + "--output_dir={directory}/squad_base/ --steps_rounding=google --verbose_logging=True")
    assert len(json.loads((place.directory / "squad_base" / "predictions.json").read_text())) == 9
    # int(30 questions / 12 * 2.0)
    assert json.loads((place.directory / "squad_base" / "eval_results.json").read_text())["global_step"] == 5
    place.run("squad", squad + "--version_2_with_negative=True --output_dir={directory}/squad_2/")
    assert (place.directory / "squad_2" / "null_odds.json").exists()
    again = squad.replace("--do_train=True", "--do_train=False")
    place.run(
        "squad", again + "--version_2_with_negative=True --null_score_diff_threshold=-1.5 --output_dir={directory}/squad_2/"
    )


def test_the_garden_fine_tunes_and_predicts_mrpc(place):
    place.run(
        "data",
        "--input_data_dir={glue}/ --vocab_file={vocab_file} --train_data_output_path={directory}/MRPC_train.tf_record "
        "--eval_data_output_path={directory}/MRPC_eval.tf_record --meta_data_file_path={directory}/MRPC_meta_data "
        "--fine_tuning_task_type=classification --max_seq_length=128 --classification_task_name=MRPC",
    )
    place.run(
        "classifier",
        "--mode=train_and_eval --input_meta_data_path={directory}/MRPC_meta_data "
        "--train_data_path={directory}/MRPC_train.tf_record --eval_data_path={directory}/MRPC_eval.tf_record "
        "--bert_config_file={config_file} --init_checkpoint={model} --train_batch_size=4 --eval_batch_size=4 --steps_per_loop=1 "
        "--learning_rate=2e-5 --num_train_epochs=3 --model_dir={directory}/model --distribution_strategy=mirrored",
    )
    place.run(
        "classifier",
        "--mode=predict --input_meta_data_path={directory}/MRPC_meta_data --eval_data_path={directory}/MRPC_eval.tf_record "
        "--bert_config_file={config_file} --eval_batch_size=4 --model_dir={directory}/model",
    )
    assert np.loadtxt(place.directory / "model" / "test_results.tsv").shape == (12, 2)


def test_the_garden_answers_squad(place):
    place.run(
        "data",
        "--squad_data_file={train} --vocab_file={vocab_file} --train_data_output_path={directory}/squad.tf_record "
        "--meta_data_file_path={directory}/squad_meta_data --fine_tuning_task_type=squad --max_seq_length=384",
    )
    place.run(
        "squad",
        "--input_meta_data_path={directory}/squad_meta_data --train_data_path={directory}/squad.tf_record --predict_file={dev} "
        + MODEL
        + "--init_checkpoint={model} --train_batch_size=4 --predict_batch_size=4 --learning_rate=8e-5 "
        "--num_train_epochs=2 --model_dir={directory}/model --distribution_strategy=mirrored",
    )
    assert len(json.loads((place.directory / "model" / "predictions.json").read_text())) == 9
