"""Tagging from files to scores, predictions and entities: every command, on names that a tiny model learns."""

import json
import pathlib
import random

import pytest

from bert_tf2 import cli
from bert_tf2.inference.entity_tagger import EntityTagger
from bert_tf2.jobs.commands.entities import EntitiesOptions, find_entities
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.tasks.tagging.sentences import joined

PEOPLE, PLACES = ("ann", "bob", "eve"), ("oslo", "rome", "new york")
OTHERS = ("the", "movie", "was", "good", "bad", "very", ",", ".")


def sentences(number, seed, longest=12):
    """Words and tags: people and places among other words."""
    chosen = random.Random(seed)
    for _ in range(number):
        words, tags = [], []
        for _ in range(chosen.randrange(2, longest)):
            kind, named = chosen.choice([("PER", PEOPLE), ("LOC", PLACES), ("", OTHERS), ("", OTHERS), ("", OTHERS)])
            parts = chosen.choice(named).split()
            words += parts
            tags += [f"{'I' if place else 'B'}-{kind}" if kind else "O" for place, _ in enumerate(parts)]
        yield words, tags


def conll(rows):
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in zip(*row)) for row in rows)


class TaggingPlace:
    """A directory with files of sentences, a vocabulary and a configuration, and the commands run there."""

    def __init__(self, directory: pathlib.Path, vocabulary):
        self.directory, self.vocab_file, self.model_dir = directory, directory / "vocab.txt", directory / "model"
        self.vocab_file.write_text("\n".join(vocabulary) + "\n")
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        config = {"vocab_size": len(vocabulary), "max_position_embeddings": 64, "hidden_dropout_prob": 0.0, **sizes}
        (directory / "bert_config.json").write_text(json.dumps(config | {"initializer_range": 0.2}))

    def prepare(self, *flags, splits=("train", "eval", "test"), extension="conll") -> int:
        arguments = ["--fine_tuning_task_type=tagging", f"--vocab_file={self.vocab_file}", "--max_seq_length=16"]
        arguments += [f"--{split}_file={self.directory / split}.{extension}" for split in splits]
        arguments += [f"--{split}_data_output_path={self.directory / split}.tf_record" for split in splits]
        arguments += [f"--meta_data_file_path={self.directory / 'meta_data.json'}", *flags]
        return cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments])

    def run(self, *flags) -> int:
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", "--num_gpus=0", *flags])

    def train(self, *flags) -> int:
        return self.run(
            f"--input_meta_data_path={self.directory / 'meta_data.json'}",
            *(f"--{split}_data_path={self.directory / split}.tf_record" for split in ("train", "eval")),
            f"--bert_config_file={self.directory / 'bert_config.json'}",
            f"--model_dir={self.model_dir}",
            "--seed=1",
            "--train_batch_size=16",
            "--learning_rate=0.01",
            *flags,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary):
    """A trained tagger with a conditional random field, exported as `export` and `export_text`."""
    directory = tmp_path_factory.mktemp("tagging")
    for seed, (split, number) in enumerate((("train", 300), ("eval", 40), ("test", 30))):
        rows = list(sentences(number, seed))
        # One that is much longer than a window.
        rows += sentences(1, seed + 10, 90)
        (directory / f"{split}.conll").write_text(conll(rows))
    place = TaggingPlace(directory, tiny_vocabulary)
    assert place.prepare() == 0
    assert place.train("--use_crf", "--num_train_epochs=6", f"--model_export_path={directory / 'export'}") == 0
    return place


def read_conll(path):
    return [[line.split(" ") for line in block.split("\n")] for block in path.read_text().strip().split("\n\n")]


def test_scores_are_written_in_total_and_for_each_type(place):
    scores = json.loads((place.model_dir / "eval_results.json").read_text())
    assert scores["entity_f1"] > 0.9
    assert {"entity_precision", "entity_recall", "token_accuracy", "entity_f1/LOC", "entity_recall/PER", "loss"} <= scores.keys()
    report = (place.model_dir / "report.md").read_text()
    assert "## Entities" in report
    assert "| LOC |" in report
    assert "## Confusion of types" in report
    blocks = read_conll(place.model_dir / "eval_predictions.conll")
    assert [[word for word, _, _ in block] for block in blocks] == [
        [line.split("\t")[0] for line in block.split("\n")]
        for block in (place.directory / "eval.conll").read_text().strip().split("\n\n")
    ]
    seqeval = pytest.importorskip("seqeval.metrics")
    gold, predicted = ([[row[column] for row in block] for block in blocks] for column in (1, 2))
    assert scores["entity_f1"] == pytest.approx(seqeval.f1_score(gold, predicted))
    assert scores["token_accuracy"] == pytest.approx(seqeval.accuracy_score(gold, predicted))


def test_a_trained_directory_predicts_new_words_from_records_alone(place, tmp_path):
    """Without tags, with the labels and the field of the training; every word has one tag, and entities their places."""
    rows = list(sentences(12, 99)) + list(sentences(1, 98, 120))
    (place.directory / "new.conll").write_text("\n".join("".join(f"{word}\n" for word in words) for words, _ in rows))
    records = place.directory / "new"
    flags = ["--fine_tuning_task_type=tagging", f"--test_file={place.directory / 'new.conll'}"]
    flags += [f"--test_data_output_path={records}/test.tf_record", f"--meta_data_file_path={records}/meta_data.json"]
    flags += [f"--input_meta_data_path={place.model_dir}/meta_data.json"]
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *flags]) == 0
    assert place.run("--mode=predict", f"--model_dir={place.model_dir}", f"--test_data_path={records}/test.tf_record") == 0
    blocks = read_conll(place.model_dir / "predictions.conll")
    assert [[row[0] for row in block] for block in blocks] == [words for words, _ in rows]
    assert {len(row) for block in blocks for row in block} == {2}
    right = [row[1] == tag for block, (_, tags) in zip(blocks, rows) for row, tag in zip(block, tags)]
    assert sum(right) > 0.95 * len(right)
    found = [json.loads(line) for line in (place.model_dir / "entities.jsonl").read_text().splitlines()]
    for sentence, (words, _), block in zip(found, rows, blocks):
        text, begins, ends = joined(words)
        assert sentence["text"] == text
        expected = {(begins[place], row[1][2:]) for place, row in enumerate(block) if row[1].startswith("B-")}
        assert {(entity["start"], entity["type"]) for entity in sentence["entities"]} == expected
        for entity in sentence["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"]
            assert entity["end"] in ends
            assert 0 < entity["probability"] <= 1


def test_the_export_finds_what_prediction_finds(place, tmp_path, capsys):
    texts = [" ".join(words) for words, _ in sentences(9, 55)]
    texts += ["".join(f"{word}  " for words, _ in sentences(1, 56, 80) for word in words), "", "ann.", "bob,eve"]
    tagger = EntityTagger.from_saved_model(str(place.directory / "export_text"))
    found = tagger.tag_all(texts, batch_size=5)
    for text, entities in zip(texts, found):
        assert all(text[entity.start : entity.end] == entity.text for entity in entities)
    assert [(entity.type, entity.text) for entity in found[-2]] == [("PER", "ann")]
    named = {(entity.type, entity.text) for entities in found[:10] for entity in entities}
    assert {("PER", "bob"), ("LOC", "oslo"), ("LOC", "new york")} <= named

    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"id": row, "text": text}) + "\n" for row, text in enumerate(texts)))
    arguments = [
        f"--model={place.directory}/export",
        f"--input_file={tmp_path}/texts.jsonl",
        f"--output_file={tmp_path}/out.jsonl",
    ]
    assert cli.run(find_entities, EntitiesOptions, "", ["entities", *arguments]) == 2
    assert "takes token ids" in capsys.readouterr().err
    arguments[0] = f"--model={place.directory}/export_text"
    assert cli.run(find_entities, EntitiesOptions, "", ["entities", *arguments]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == list(enumerate(texts))
    assert [[entity["start"] for entity in row["entities"]] for row in rows] == [
        [entity.start for entity in entities] for entities in found
    ]
    capsys.readouterr()
    assert cli.run(find_entities, EntitiesOptions, "", ["entities", arguments[0], "--text=ann was good"]) == 0
    assert capsys.readouterr().out.startswith("ann  [PER 0.9")
    assert cli.run(find_entities, EntitiesOptions, "", ["entities", arguments[0], "--text=."]) == 0
    assert capsys.readouterr().out == "(no entity)\n"


def test_the_exports_logits_are_the_models(place):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(place.directory / "export"))
    ids = tf.constant([[2, 20, 3]])
    outputs = loaded.signatures["serving_default"](
        input_word_ids=ids, input_mask=tf.ones_like(ids), input_type_ids=tf.zeros_like(ids)
    )
    assert outputs["logits"].shape == (1, 3, 5)
    assert outputs["transitions"].shape == (6, 6)


def test_a_run_that_is_done_says_so_and_another_field_is_another_run(place, capsys):
    assert place.train("--use_crf", "--num_train_epochs=6") == 0
    assert place.train("--num_train_epochs=6") == 2
    assert "use another --model_dir, or the same flags" in capsys.readouterr().err


def test_plain_tags_are_predicted_and_scored_by_word(tmp_path, tiny_vocabulary):
    place = TaggingPlace(tmp_path, tiny_vocabulary)
    for seed, split in enumerate(("train", "eval", "test")):
        rows = [(words, ["NAME" if tag != "O" else "SIGN" if word in ",." else "WORD" for word, tag in zip(words, tags)])
                for words, tags in sentences(120, seed)]  # fmt: skip
        lines = [json.dumps({"tokens": words, "pos_tags": tags}) for words, tags in rows]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    assert place.prepare("--label_all_tokens", extension="jsonl") == 0
    meta = json.loads((tmp_path / "meta_data.json").read_text())
    assert (meta["label_list"], meta["tag_scheme"]) == (["NAME", "SIGN", "WORD"], "plain")
    assert place.train("--num_train_epochs=4", f"--model_export_path={tmp_path / 'export'}") == 0
    scores = json.loads((place.model_dir / "eval_results.json").read_text())
    assert set(scores) == {"token_accuracy", "loss", "global_step"}
    assert scores["token_accuracy"] > 0.9
    assert place.run("--mode=predict", f"--model_dir={place.model_dir}", f"--test_data_path={tmp_path}/test.tf_record") == 0
    assert not (place.model_dir / "entities.jsonl").exists()
    assert {len(row) for block in read_conll(place.model_dir / "predictions.conll") for row in block} == {3}
    tagged = EntityTagger.from_saved_model(str(tmp_path / "export_text")).tag("the movie, bob")
    assert [(entity.text, entity.type) for entity in tagged] == [
        ("the", "WORD"),
        ("movie", "WORD"),
        (",", "SIGN"),
        ("bob", "NAME"),
    ]


def test_a_model_of_hugging_faces_is_evaluated_as_it_is(place, tmp_path):
    """A trained tagger's weights under their names, with the labels in their order, give the scores that it had."""
    from bert_tf2.models.checkpoints import convert, open_source
    from bert_tf2.models.config import BertConfig

    source, labels = open_source(str(place.model_dir)), ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
    ours = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    folder, config = str(tmp_path / "folder"), BertConfig.from_json_file(str(place.directory / "bert_config.json"))
    turned = source.with_classes([ours.index(label) for label in labels]).without_head("crf")
    convert.convert(turned, config, folder, "huggingface", kind="classifier", label_names=labels)
    scores = []
    for name, there in (("theirs", folder), ("ours", place.model_dir)):
        evaluate = ["--mode=eval", f"--model_dir={tmp_path / name}", f"--eval_data_path={place.directory}/eval.tf_record"]
        evaluate += [f"--init_checkpoint={there}", "--use_crf=false"]
        evaluate += [f"--input_meta_data_path={place.directory}/meta_data.json"]
        assert place.run(*evaluate, f"--bert_config_file={place.directory}/bert_config.json") == 0
        scores.append(json.loads((tmp_path / name / "eval_results.json").read_text()))
    assert scores[0]["entity_f1"] == scores[1]["entity_f1"] > 0.8
    assert scores[0]["loss"] == pytest.approx(scores[1]["loss"], rel=1e-5)


def test_a_trained_directory_becomes_a_folder_for_transformers(place, tmp_path):
    from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint

    for number, (source, to) in enumerate(((place.model_dir, "huggingface"), (tmp_path / "0", "tf2"))):
        target = tmp_path / str(number) / ("bert_model.ckpt" if to == "tf2" else "")
        flags = [f"--checkpoint_to_convert={source}", f"--converted_checkpoint_path={target}", f"--to={to}"]
        assert cli.run(convert_checkpoint, ConvertCheckpointOptions, "", ["convert", *flags]) == 0
    config = json.loads((tmp_path / "0" / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]
    assert config["id2label"] == {"0": "O", "1": "B-LOC", "2": "I-LOC", "3": "B-PER", "4": "I-PER"}
    assert "problem_type" not in config
    meta = json.loads((tmp_path / "1" / "meta_data.json").read_text())
    assert (meta["task_type"], meta["tag_scheme"]) == ("bert_tagging", "IOB2")
