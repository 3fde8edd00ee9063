"""The directory of a training of every kind, and all of its exports, behind the server: the answers are the training's own."""

import asyncio
import functools
import json
import pathlib
from typing import Any

import numpy as np
import pytest
from trained_place import TEXTS, TrainedPlace

from bert_tf2.errors import UserError
from bert_tf2.inference.served.opening import open_model
from bert_tf2.jobs.serve.options import ServeOptions
from bert_tf2.jobs.serve.service import Service
from bert_tf2.jobs.serve.trainings import text_export

WINDOWS = ["--long_text=windows", "--window_overlap=2"]
# The kind of task, the flags of its preparation, and of its training.
CASES: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "classification": ("classification", [], {}),
    "windows": ("classification", WINDOWS, {}),
    "regression": ("regression", [], {}),
    "multi_label": ("multi_label", ["--label_separator=comma"], {}),
    "tagging": ("tagging", ["--labels=O,B-X,I-X"], {"use_crf": True}),
    "squad": ("squad", [], {}),
    "multiple_choice": ("multiple_choice", [], {}),
    "similarity": ("similarity", [], {"pooling": "mean"}),
    "pooler": ("similarity", [], {"pooling": "pooler"}),
}
LENGTHS = {"windows": 8}
# Of the three ways of opening a training one each.
QUICK = ("windows", "tagging", "squad")


@pytest.fixture
def place(request, tmp_path, tiny_vocab_file, monkeypatch) -> TrainedPlace:
    import trained_place

    kind, flags, run_options = CASES[request.param]
    monkeypatch.setattr(trained_place, "LENGTH", LENGTHS.get(request.param, trained_place.LENGTH))
    return TrainedPlace(tmp_path, kind, "bert", ("vocab_file", tiny_vocab_file), *flags, **run_options)


def served(path: pathlib.Path | str, instances: list[Any], **settings: Any) -> list[Any]:
    """The answers of the service that serves a path, as JSON brings them."""
    load = functools.partial(open_model, path=str(path), text_export=text_export, **settings)
    service = Service([load("m")], ServeOptions(model=(str(path),)), (), load)
    try:
        return json.loads(json.dumps(asyncio.run(service.answers(service.model("m"), instances, "instances"))))
    finally:
        service.close()


@pytest.mark.parametrize("place", QUICK, indirect=True)
def test_a_training_is_served_by_its_directory(place):
    task, outcome = place.outcome()
    CHECKS[place.kind](place, task, outcome, place.model_dir)


def check_classes(place, task, outcome, path):
    for found, wanted in zip(served(path, TEXTS), task.probabilities(outcome["logits"])):
        assert found["label"] == task.label_list[int(wanted.argmax())]
        np.testing.assert_allclose(list(found["probabilities"].values()), wanted, atol=1e-5)


def check_numbers(place, task, outcome, path):
    found = [one["score"] for one in served(path, TEXTS)]
    np.testing.assert_allclose(found, outcome["logits"][:, 0], atol=1e-4)


def check_labels(place, task, outcome, path):
    for found, wanted in zip(served(path, TEXTS), task.probabilities(outcome["logits"])):
        assert found["labels"] == [label for label, one in zip(task.label_list, wanted) if one >= 0.5]
        np.testing.assert_allclose(list(found["probabilities"].values()), wanted, atol=1e-5)


def check_entities(place, task, outcome, path):
    text = (place.directory / "rows.conll").read_text().split("\n\n")
    sentences = [" ".join(line.split()[0] for line in sentence.split("\n") if line) for sentence in text]
    for found, sentence, tags in zip(served(path, sentences), sentences, task.names(outcome.predicted)):
        begins = sum(tag.startswith("B-") for tag in tags)
        # Signs are words of their own in a text, and parts of them in the file, so that only clean sentences are comparable.
        if sentence.replace(" ", "").isalpha():
            assert len(found) == begins
        assert all(sentence[one["start"] : one["end"]] == one["text"] and one["type"] == "X" for one in found)


def check_answers(place, task, outcome, path):
    paragraphs = json.loads((place.directory / "dev.json").read_text())["data"][0]["paragraphs"]
    asked = [{"question": one["qas"][0]["question"], "context": one["context"]} for one in paragraphs]
    for found, paragraph in zip(served(path, asked), paragraphs):
        assert found["text"] == outcome.predictions[paragraph["qas"][0]["id"]]


def check_choices(place, task, outcome, path):
    rows = list(map(json.loads, (place.directory / "rows.jsonl").read_text().splitlines()))
    asked = [{key: row[key] for key in ("question", "choices", "context")} for row in rows]
    for number, found in enumerate(served(path, asked)):
        np.testing.assert_allclose(found["probabilities"], outcome.probabilities(number), atol=1e-5)
        assert found["number"] == outcome.predicted[number]


def check_vectors(place, task, outcome, path):
    vectors = np.array(served(path, TEXTS, normalize=True))
    for number in range(len(TEXTS)):
        assert vectors[number] @ vectors[number - 1] == pytest.approx(outcome.cosines[number], abs=1e-5)


CHECKS = {
    "classification": check_classes,
    "regression": check_numbers,
    "multi_label": check_labels,
    "tagging": check_entities,
    "squad": check_answers,
    "multiple_choice": check_choices,
    "similarity": check_vectors,
}


# What does not give the places that answers have in a text.
WITHOUT_PLACES = ("tagging", "squad")


@pytest.mark.slow
@pytest.mark.parametrize("place", CASES, indirect=True)
def test_a_training_and_its_exports_are_served_or_refused(place):
    import tensorflow as tf

    from bert_tf2.jobs.trained.options import TrainedModelOptions
    from bert_tf2.jobs.trained.source import open_trained

    source = open_trained(TrainedModelOptions(model_dir=str(place.model_dir)))
    for suffix, export in source.task.exports(source.model, source.tokenizer, source.meta).items():
        tf.saved_model.save(export.module, str(place.directory / f"export{suffix}"), dict(export.signatures))
    task, outcome = place.outcome()
    for path in (place.model_dir, place.directory / "export_text"):
        CHECKS[place.kind](place, task, outcome, path)
    with pytest.raises(UserError, match=r"takes token ids .*give the one beside it that takes text: --model=.*export_text$"):
        served(place.directory / "export", ["a"])
    for target in ("onnx", "tflite"):
        assert place.run(target, f"--to={target}") == 0
        if place.kind in WITHOUT_PLACES:
            with pytest.raises(UserError, match=f"is an export of bert_{place.kind} as {target}, which gives no places"):
                served(place.directory / target, ["a"])
        else:
            CHECKS[place.kind](place, task, outcome, place.directory / target)
