"""Every kind of task and every family of encoders, in both formats, with answers of the example that has no TensorFlow."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from trained_place import TEXTS, TrainedPlace, example_says, xlnet_pieces

from bert_tf2.exporting.exported_model import ExportedModel
from bert_tf2.jobs.fine_tuning.prediction.quantized import QuantizedModel
from bert_tf2.training.evaluation import predict_all

# Each family is here, and each kind.
CASES = {
    "classification": "bert",
    "regression": "distilbert",
    "multi_label": "roberta",
    "tagging": "albert",
    "squad": "electra",
    "multiple_choice": "xlnet",
    "similarity": "bert",
    "prompt_classification": "bert",
}


@pytest.fixture(params=CASES)
def place(request, tmp_path, tiny_vocab_file, byte_level_folder, word_pieces_model_file) -> TrainedPlace:
    kind, family = request.param, CASES[request.param]
    vocabulary = {
        "roberta": ("vocab_file", byte_level_folder),
        "albert": ("sp_model_file", word_pieces_model_file),
    }.get(family, ("vocab_file", tiny_vocab_file))
    if family == "xlnet":
        vocabulary = ("sp_model_file", xlnet_pieces(tmp_path))
    options = {"multi_label": ["--label_separator=comma"], "tagging": ["--labels=O,B-X,I-X"]}.get(kind, [])
    return TrainedPlace(tmp_path, kind, family, vocabulary, *options, **({"use_crf": True} if kind == "tagging" else {}))


@pytest.mark.slow
def test_outputs_and_answers_are_the_originals(place):
    task, outcome = place.outcome()
    for target in ("onnx", "tflite"):
        assert place.run(target, f"--to={target}", *place.check_flags) == 0
        folder = place.directory / target
        report = (folder / "export_report.md").read_text()
        assert float(re.search(r"Largest difference of an output: (\S+)", report)[1]) < 1e-4
        before, after = re.search(rf"\| {task.best_metric} \| (\S+) \| (\S+) \|", report).groups()
        assert before == after
        arguments, answer = ANSWERED[place.kind](place, ExportedModel(folder), task, outcome)
        said = example_says(folder, *arguments)
        assert (said if isinstance(answer, str) else json.loads(said)) == answer


@pytest.mark.slow
def test_with_weights_of_8_bits_here(place):
    """As `--quantize=int8` predicts: near the original, and not it."""
    source = place.opened()
    records = source.examples.records
    exact = predict_all(source.task, source.model, tf.distribute.get_strategy(), records, 4)
    model = QuantizedModel(source.task, source.model, source.meta)
    found = model.collected(records, 4, "predicting")
    assert {name: value.shape for name, value in found.items()} == {name: value.shape for name, value in exact.items()}
    differences = model.differences(records)
    assert differences.rows >= len(records)
    assert 1e-6 < differences.largest < 0.15 * differences.magnitude
    # What the task scores is finite.
    scores = source.task.scores(source.task.outcome(found, source.examples), source.examples)
    assert scores
    assert all(map(np.isfinite, scores.values()))


def check_classes(place, model, task, outcome):
    for text, wanted in zip(TEXTS, task.probabilities(outcome["logits"])):
        found = model.classify(text)
        assert found["label"] == task.label_list[int(wanted.argmax())]
        np.testing.assert_allclose(list(found["probabilities"].values()), wanted, atol=1e-5)
    return [TEXTS[0]], model.classify(TEXTS[0])


def check_numbers(place, model, task, outcome):
    for text, wanted in zip(TEXTS, outcome["logits"]):
        assert model.number(text) == pytest.approx(wanted[0], abs=1e-4)
    return [TEXTS[0]], model.number(TEXTS[0])


def check_labels(place, model, task, outcome):
    for text, wanted in zip(TEXTS, task.probabilities(outcome["logits"])):
        found = model.classify(text)
        assert found["labels"] == [label for label, one in zip(task.label_list, wanted) if one >= 0.5]
        np.testing.assert_allclose(list(found["probabilities"].values()), wanted, atol=1e-5)
    return [TEXTS[0]], model.classify(TEXTS[0])


def check_tags(place, model, task, outcome):
    sentences = (place.directory / "rows.conll").read_text().split("\n\n")
    for sentence, wanted in zip(sentences, task.names(outcome.predicted)):
        words = [line.split()[0] for line in sentence.split("\n") if line]
        assert model.tag(words) == wanted
    return [" ".join(words)], "\n".join(f"{word} {tag}" for word, tag in zip(words, wanted))


def check_answers(place, model, task, outcome):
    paragraphs = json.loads((place.directory / "dev.json").read_text())["data"][0]["paragraphs"]
    for paragraph in paragraphs:
        question, context = paragraph["qas"][0], paragraph["context"]
        found = model.answer(question["question"], context)
        assert found["answer"] == outcome.predictions[question["id"]]
    return [question["question"], context], found


def check_choices(place, model, task, outcome):
    rows = map(json.loads, (place.directory / "rows.jsonl").read_text().splitlines())
    for number, row in enumerate(rows):
        found = model.choose(row["question"], row["choices"], row["context"])
        np.testing.assert_allclose(found["probabilities"], outcome.probabilities(number), atol=1e-5)
        assert found["number"] == outcome.predicted[number]
    return [row["context"], row["question"], *row["choices"]], found


def check_likeness(place, model, task, outcome):
    for number, text in enumerate(TEXTS):
        assert model.likeness(text, TEXTS[number - 1]) == pytest.approx(outcome.cosines[number], abs=1e-5)
    return [TEXTS[0], TEXTS[1]], model.likeness(TEXTS[0], TEXTS[1])


ANSWERED = {
    "classification": check_classes,
    "regression": check_numbers,
    "multi_label": check_labels,
    "tagging": check_tags,
    "squad": check_answers,
    "multiple_choice": check_choices,
    "similarity": check_likeness,
    "prompt_classification": check_classes,
}
