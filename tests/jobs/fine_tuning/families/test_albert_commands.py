"""The commands that ALBERT's, albert_zh's and Chinese-BERT-wwm's READMEs print, with only paths and lengths changed."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from squad_workplace import write_squad

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.families.base import families, read_config
from bert_tf2.text.sentencepiece import SentencePieceTokenizer

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
}
ALBERT = {"embedding_size": 8, "num_hidden_groups": 1, "inner_group_num": 1, **SIZES}
FAMILIES = {
    "bert": SIZES,
    "chinese_albert": {"embedding_size": 8, "ln_type": "postln", **SIZES},
}
PAIRS = """
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor, register_processor


@register_processor("lcqmc_pair")
class Pairs(DataProcessor):
    def get_labels(self):
        return ["0", "1"]

    def get_train_examples(self, data_dir):
        return self.rows(data_dir, "train")

    def get_dev_examples(self, data_dir):
        return self.rows(data_dir, "dev")

    def get_test_examples(self, data_dir):
        return self.rows(data_dir, "test")

    def rows(self, data_dir, split):
        for number, (first, second, label) in enumerate(self._read_tsv(f"{data_dir}/{split}.txt")):
            yield InputExample(f"{split}-{number}", first, second, label)
"""


def written_model(directory, family: str, config: dict, size: int):
    """A published model in Google's form: its configuration and its checkpoint."""
    config_file, model = directory / f"{family}_config.json", directory / f"{family}.ckpt-best"
    config_file.write_text(json.dumps(config | {"vocab_size": size}))
    tf_keras.utils.set_random_seed(1)
    read = read_config(str(config_file))
    encoder = tf.train.Checkpoint(model=families.get(family).build(read)).write(str(directory / "encoder"))
    convert(open_source(encoder), read, str(model), "tf1")
    return config_file, model


def write_mnli(directory) -> None:
    directory.mkdir()
    header = [f"column{number}" for number in range(8)] + ["sentence1", "sentence2"]
    for split, count in (("train", 30), ("dev_matched", 9), ("dev_mismatched", 6), ("test_matched", 8), ("test_mismatched", 7)):
        rows = ["\t".join(header if split.startswith("test") else [*header, "gold_label"])]
        for number in range(count):
            label = [] if split.startswith("test") else [["contradiction", "entailment", "neutral"][number % 3]]
            rows.append(
                "\t".join(
                    [*map(str, range(8)), "The movie was good.", f"It was very {['bad', 'good', 'so'][number % 3]}", *label]
                )
            )
        (directory / f"{split}.tsv").write_text("\n".join(rows) + "\n")


def run(job, options, arguments: list[str]) -> int:
    return cli.run(job, options, "", ["command", *arguments, "--num_gpus=0"])


@pytest.mark.slow
def test_albert_classifies_mnli(tmp_path, word_pieces_model_file, capsys):
    config_file, model = written_model(tmp_path, "albert", ALBERT, SentencePieceTokenizer(word_pieces_model_file).vocab_size)
    write_mnli(tmp_path / "MNLI")
    output = tmp_path / "output"
    command = [
        f"--data_dir={tmp_path / 'MNLI'}", f"--output_dir={output}", f"--init_checkpoint={model}",
        f"--albert_config_file={config_file}", f"--spm_model_file={word_pieces_model_file}", "--do_train", "--do_eval",
        "--do_predict", "--do_lower_case", "--max_seq_length=128", "--optimizer=adamw", "--task_name=MNLI", "--warmup_step=2",
        "--learning_rate=3e-5", "--train_step=6", "--save_checkpoints_steps=2", "--train_batch_size=8",
    ]  # fmt: skip
    assert run(run_classifier, ClassifierOptions, command) == 0
    settings = json.loads((output / "run_config.json").read_text())["run"]
    assert settings["data"]["num_train_steps"] == 6
    assert settings["warmup_steps"] == 2
    assert "eval_accuracy = " in (output / "eval_results.txt").read_text()
    assert np.loadtxt(output / "test_results.tsv").shape == (8, 3)
    assert np.loadtxt(output / "test_results_mismatched.tsv").shape == (7, 3)
    # The same directory on the other evaluation data, with what else its script takes.
    more = [flag for flag in command if not flag.startswith(("--do_train", "--task_name", "--do_predict"))]
    more += ["--task_name=mismnli", "--cached_dir=cache", "--iterations_per_loop=1000", "--keep_checkpoint_max=5", "--nouse_tpu"]
    more += ["--num_tpu_cores=8", f"--export_dir={tmp_path / 'export'}"]
    capsys.readouterr()
    assert run(run_classifier, ClassifierOptions, more) == 0
    assert "--cached_dir=cache does nothing here: records are kept beside the model" in capsys.readouterr().err
    assert (tmp_path / "export_text" / "saved_model.pb").exists()


def test_a_threshold_in_an_export_is_refused(capsys):
    assert run(run_classifier, ClassifierOptions, ["--threshold_to_export=0.5"]) == 2
    assert "--threshold_to_export=0.5 is refused: exported classifiers give the probability" in capsys.readouterr().err


@pytest.mark.slow
def test_albert_answers_squad(tmp_path, word_pieces_model_file):
    config_file, model = written_model(tmp_path, "albert", ALBERT, SentencePieceTokenizer(word_pieces_model_file).vocab_size)
    write_squad(tmp_path / "train-v1.1.json", 30, 1)
    gold = write_squad(tmp_path / "dev-v1.1.json", 9, 2)
    output = tmp_path / "output"
    command = [
        f"--albert_config_file={config_file}", f"--output_dir={output}", f"--train_file={tmp_path / 'train-v1.1.json'}",
        f"--predict_file={tmp_path / 'dev-v1.1.json'}", "--train_feature_file=train.tf", "--predict_feature_file=dev.tf",
        "--predict_feature_left_file=left.pkl", f"--init_checkpoint={model}", f"--spm_model_file={word_pieces_model_file}",
        "--do_lower_case", "--max_seq_length=384", "--doc_stride=128", "--max_query_length=64", "--do_train=true",
        "--do_predict=true", "--train_batch_size=8", "--predict_batch_size=8", "--learning_rate=5e-5", "--num_train_epochs=2.0",
        "--warmup_proportion=.1", "--save_checkpoints_steps=5000", "--n_best_size=20", "--max_answer_length=30",
    ]  # fmt: skip
    assert run(run_squad, SquadOptions, command) == 0
    assert json.loads((output / "predictions.json").read_text()).keys() == gold.keys()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_chinese_models_compare_questions(tmp_path, family):
    """albert_zh's command for LCQMC; that of a Chinese BERT with whole-word masking is the same but for the model."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"你好这是一个很的酒店真大小吗？"]
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(words) + "\n", encoding="utf-8")
    config_file, model = written_model(tmp_path, family, FAMILIES[family], len(words))
    module = tmp_path / f"pairs_{family}.py"
    module.write_text(PAIRS.replace("lcqmc_pair", f"lcqmc_pair_{family}"))
    for split, count in (("train", 40), ("dev", 12), ("test", 6)):
        rows = [
            f"这是一个{'大小'[row % 2]}酒店吗？\t酒店{'大小'[row // 2 % 2]}吗？\t{int(row % 2 == row // 2 % 2)}"
            for row in range(count)
        ]
        (tmp_path / f"{split}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    output = tmp_path / "albert_lcqmc_checkpoints"
    command = [
        f"--task_name=lcqmc_pair_{family}", "--do_train=true", "--do_eval=true", f"--data_dir={tmp_path}",
        f"--vocab_file={vocabulary}", f"--bert_config_file={config_file}", "--max_seq_length=128", "--train_batch_size=64",
        "--learning_rate=1e-4", "--num_train_epochs=5", f"--output_dir={output}", f"--init_checkpoint={model}",
        f"--module_import={module}",
    ]  # fmt: skip
    assert run(run_classifier, ClassifierOptions, command) == 0
    assert "eval_accuracy = " in (output / "eval_results.txt").read_text()
