"""XLNet through the commands: SentencePiece records, a TF1 checkpoint, training, evaluation, prediction, exports, conversions."""

import json

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
import tf_keras
import xlnet_material

from bert_tf2 import cli
from bert_tf2.api import TextEncoder
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.commands.fill_mask import FillMaskOptions, fill_mask
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.pretraining.data import PretrainingDataOptions, create_pretraining_data
from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.families.base import families, read_config

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# As Google's files have it: without a dropout and without a width of the start, which flags tell there.
CONFIG = {"d_head": 16, "d_inner": 64, "d_model": 32, "ff_activation": "gelu", "n_head": 2, "n_layer": 2, "untie_r": True}


class Place:
    """A published XLNet in Google's form, with rows to learn from."""

    def __init__(self, directory):
        self.directory = directory
        draw = np.random.default_rng(0)
        lines = ["the movie was good", "a bad bad film, very", "1,000, very", "abcdefghijklmnopqrstuvwxyz The Movie"] * 4
        self.sp_model_file = xlnet_material.train_xlnet_pieces(directory / "xlnet.model", lines, 90)
        self.config_file, self.model = directory / "xlnet_config.json", directory / "xlnet_model.ckpt"
        size = len(sentencepiece.SentencePieceProcessor(model_file=self.sp_model_file))
        self.config_file.write_text(json.dumps(CONFIG | {"n_token": size}))
        config = read_config(str(self.config_file))
        tf_keras.utils.set_random_seed(1)
        encoder = families.get("xlnet").build(config)
        # A wider start lets so small a model learn in a few dozen steps.
        encoder.set_weights([value * 10 if abs(value).max() < 0.1 else value for value in encoder.get_weights()])
        written = tf.train.Checkpoint(model=encoder).write(str(directory / "encoder"))
        convert(open_source(written), config, str(self.model), "tf1")
        for split, count in (("train", 120), ("eval", 40), ("test", 20)):
            rows = ["text\tlabel"]
            for _ in range(count):
                label = draw.integers(2)
                words = ["the", "movie", "1,000,"] + ["very"] * int(draw.integers(5)) + [("bad", "good")[label]]
                rows.append(f"{' '.join(draw.permutation(words))}\t{('no', 'yes')[label]}")
            (directory / f"{split}.tsv").write_text("\n".join(rows) + "\n")

    def command(self, job, options, *flags):
        return cli.run(job, options, "", ["command", *flags])

    def classifier(self, *flags):
        return self.command(
            run_classifier, ClassifierOptions, f"--model_dir={self.directory / 'run'}", "--num_gpus=0", "--seed=1", *flags
        )

    def texts(self, split):
        return [line.split("\t") for line in (self.directory / f"{split}.tsv").read_text().strip().split("\n")[1:]]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_xlnet_from_raw_files_to_predictions_of_texts(place):
    here = place.directory
    records = [f"--{split}_data_output_path={here / split}.tf_record" for split in ("train", "eval", "test")]
    own = [f"--{split}_file={here / split}.tsv" for split in ("train", "eval", "test")]
    meta = f"{here / 'meta_data.json'}"
    assert place.command(
        create_finetuning_data, FinetuningDataOptions, *own, *records, f"--meta_data_file_path={meta}",
        "--tokenization=SentencePiece", f"--sp_model_file={place.sp_model_file}", "--max_seq_length=48",
    ) == 0  # fmt: skip
    meta_data = read_meta_data(meta)
    assert meta_data.max_seq_length == 48
    example = tf.train.Example.FromString(next(iter(tf.data.TFRecordDataset(f"{here / 'train'}.tf_record"))).numpy())
    ids, segments = (list(example.features.feature[name].int64_list.value) for name in ("input_ids", "segment_ids"))
    assert ids[-2:] == [4, 3]
    assert segments == [0] * (len(ids) - 1) + [2]
    data = [f"--{split}_data_path={here / split}.tf_record" for split in ("train", "eval")] + [f"--input_meta_data_path={meta}"]
    train = ["--mode=train_and_eval", f"--bert_config_file={place.config_file}", f"--init_checkpoint={place.model}"]
    fitting = ["--learning_rate=0.005", "--train_batch_size=16", "--num_train_epochs=12"]
    assert place.classifier(*train, *data, *fitting, f"--model_export_path={here / 'export'}") == 0
    assert place.classifier("--mode=predict", f"--test_data_path={here / 'test.tf_record'}") == 0
    rows = (here / "run" / "predictions.tsv").read_text().strip().split("\n")[1:]
    test = place.texts("test")
    assert sum(label in row.split("\t") for row, (_, label) in zip(rows, test)) >= 18
    # Texts by the run's directory and by the exported model.
    texts = [text for text, _ in test] + ["``the movie'' was  Good"]
    by_run = TextClassifier.from_run(str(here / "run")).predict(texts)
    by_export = TextClassifier.from_saved_model(str(here / "export_text")).predict(texts)
    assert [one.label for one in by_run] == [one.label for one in by_export]
    np.testing.assert_allclose(
        [max(one.probabilities.values()) for one in by_run], [max(one.probabilities.values()) for one in by_export], atol=1e-5
    )
    step = max(int(path.name.split("-")[1].split(".")[0]) for path in (here / "run").glob("ckpt-*.index"))
    for to in ("tf1", "huggingface"):
        target = here / f"as_{to}"
        assert place.command(
            convert_checkpoint, ConvertCheckpointOptions, f"--checkpoint_to_convert={here / 'run' / f'ckpt-{step}'}",
            f"--converted_checkpoint_path={target}", f"--to={to}",
        ) == 0  # fmt: skip
        source = open_source(str(target))
        assert source.family.name == "xlnet"
        assert source.head("classifier")
    require_same_answers_from_transformers(here / "as_huggingface", texts, by_run)


def require_same_answers_from_transformers(folder, texts, answers):
    """The folder alone, with their tokenizer, gives what the run gives."""
    from safetensors.numpy import load_file
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    library = pytest.importorskip("transformers")
    tokenizer = library.XLNetTokenizer.from_pretrained(str(folder))
    config = library.AutoConfig.from_pretrained(str(folder))
    model = library.TFXLNetForSequenceClassification(config)
    state = load_file(str(folder / "model.safetensors"))
    model = load_pytorch_state_dict_in_tf2_model(model, state, allow_missing_keys=True)
    asked = tokenizer(texts, padding=True, return_tensors="tf")
    probabilities = tf.nn.softmax(model(dict(asked), training=False).logits).numpy()
    for row, answer in zip(probabilities, answers):
        for index, name in config.id2label.items():
            assert row[index] == pytest.approx(answer.probabilities[name], abs=1e-5)


def test_the_command_of_its_readme(place, capsys):
    """The one for STS-B with other paths, fewer steps, and all flags besides that can be given."""
    here = place.directory / "STS-B"
    here.mkdir()
    header = ["index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2", "score"]
    for split, count in (("train", 40), ("dev", 12)):
        rows = ["\t".join(header)]
        for index in range(count):
            same = index % 2
            rows.append(
                "\t".join(
                    [str(index), *"abcdef", "the movie was good", ("very bad", "the movie was good")[same], f"{5 * same}.0"]
                )
            )
        (here / f"{split}.tsv").write_text("\n".join(rows) + "\n")
    directory = place.directory / "exp" / "sts-b"
    command = [
        "--do_train=True", "--do_eval=False", "--task_name=sts-b", f"--data_dir={here}",
        f"--output_dir={place.directory / 'proc_data'}", f"--model_dir={directory}", "--uncased=False",
        f"--spiece_model_file={place.sp_model_file}", f"--model_config_path={place.config_file}",
        f"--init_checkpoint={place.model}", "--max_seq_length=128", "--train_batch_size=8", "--num_hosts=1",
        "--num_core_per_host=0", "--learning_rate=5e-5", "--train_steps=6", "--warmup_steps=2", "--save_steps=3",
        "--is_regression=True", "--dropout=0.2", "--dropatt=0.3", "--min_lr_ratio=0.1", "--decay_method=cos", "--clip=0.5",
        "--adam_epsilon=1e-6", "--max_save=0", "--lr_layer_decay_rate=1.0", "--summary_type=last", "--clamp_len=-1",
        "--weight_decay=0.0", "--use_summ_proj=True", "--cls_scope=regression_sts-b",
    ]  # fmt: skip
    assert place.command(run_classifier, ClassifierOptions, *command) == 0
    said = capsys.readouterr().err
    assert "is not used: records are kept beside the model, in --model_dir" in said
    assert "--is_regression=True does nothing here: the task says whether its labels are numbers" in said
    assert {path.name for path in directory.glob("ckpt-*.index")} == {"ckpt-3.index", "ckpt-6.index"}
    run = json.loads((directory / "run_config.json").read_text())["run"]
    assert (run["data"]["num_train_steps"], run["clip_norm"], run["weight_decay_rate"]) == (6, 0.5, 0.0)
    assert run["end_lr"] == pytest.approx(5e-6)
    assert run["learning_rate_schedule"] == "cosine"
    config = read_config(str(directory / "bert_config.json"))
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.head_dropout_prob) == (0.2, 0.3, 0.2)
    assert not read_meta_data(str(directory / "meta_data.json")).do_lower_case
    evaluation = [*command[2:], "--do_train=False", "--do_eval=True"]
    assert place.command(run_classifier, ClassifierOptions, *evaluation) == 0
    assert "pearson" in (directory / "eval_results.txt").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--summary_type=mean"], "--summary_type=mean is refused: the last token stands for the input"),
        (["--clamp_len=100"], "--clamp_len=100 is refused"),
        (["--use_bfloat16"], "--use_bfloat16=True is refused: give --dtype=bf16"),
        (["--train_steps=5", "--num_train_epochs=2"], "--num_train_epochs does nothing beside --num_train_steps"),
        (["--min_lr_ratio=0.1", "--end_lr=0.1"], "--min_lr_ratio and --end_lr are two names of one thing"),
        (["--dropout=1"], "--dropout must be from 0 to below 1; got 1.0"),
        (["--decay_method=exp"], "--decay_method must be one of poly, cos"),
    ],
)
def test_flags_that_can_do_nothing_are_refused(place, capsys, flags, message):
    task = ["--task_name=CoLA", f"--data_dir={place.directory}", "--do_train", f"--spiece_model_file={place.sp_model_file}"]
    assert place.classifier(*task, f"--model_config_path={place.config_file}", *flags) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_what_xlnet_cannot_do_is_said(place, capsys):
    here = place.directory

    def last_line():
        return capsys.readouterr().err.strip().splitlines()[-1]

    (here / "text.txt").write_text("the movie was good\na bad film\n\nvery bad\nthe movie\n" * 4)
    assert place.command(
        create_pretraining_data, PretrainingDataOptions, f"--input_file={here / 'text.txt'}", "--dupe_factor=1",
        f"--output_file={here / 'records' / 'part.tfrecord'}", "--tokenization=SentencePiece",
        f"--sp_model_file={place.sp_model_file}", "--max_seq_length=32", "--max_predictions_per_seq=4",
    ) == 0  # fmt: skip
    assert place.command(
        run_pretraining, PretrainingOptions, f"--input_files={here / 'records' / 'part.tfrecord'}", "--num_train_steps=2",
        f"--bert_config_file={place.config_file}", f"--model_dir={here / 'run'}", "--train_batch_size=4", "--num_gpus=0",
    ) == 2  # fmt: skip
    assert "XLNet learns by permutations, which are not built here" in last_line()
    assert place.command(
        fill_mask, FillMaskOptions, f"--init_checkpoint={place.model}", f"--bert_config_file={place.config_file}",
        f"--sp_model_file={place.sp_model_file}", "--text=the [MASK]",
    ) == 2  # fmt: skip
    assert "has no masked-LM head" in last_line()


def test_a_checkpoint_of_another_family_is_told(place, tiny_config_dict, capsys):
    bert = place.directory / "bert_config.json"
    bert.write_text(json.dumps(tiny_config_dict))
    task = ["--task_name=CoLA", f"--data_dir={place.directory}", "--do_train", f"--sp_model_file={place.sp_model_file}"]
    assert place.classifier(*task, f"--bert_config_file={bert}", f"--init_checkpoint={place.model}") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "is a checkpoint of XLNet, the configuration is one of BERT" in said
    # A vocabulary of another family, whose ids would mean other words.
    model = sentencepiece_of_albert(place.directory / "albert.model")
    task = ["--task_name=CoLA", f"--data_dir={place.directory}", "--do_train", f"--spiece_model_file={model}"]
    config = place.config_file
    assert place.classifier(*task, f"--bert_config_file={config}", f"--model_dir={place.directory / 'other'}") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "is a SentencePiece model of ALBERT (it has [CLS] and [SEP]), the configuration is one of XLNet" in said
    with pytest.raises(UserError, match="is a SentencePiece model of ALBERT"):
        TextEncoder.from_checkpoint(str(place.model), bert_config_file=str(config), sp_model_file=str(model))


def sentencepiece_of_albert(path):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the movie was good"] * 3),
        model_prefix=str(path.with_suffix("")),
        vocab_size=30,
        hard_vocab_limit=False,
        control_symbols=["[CLS]", "[SEP]"],
        minloglevel=2,
    )
    return path
