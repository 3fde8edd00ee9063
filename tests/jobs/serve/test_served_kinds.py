"""Each kind of model behind the server: found by what its files are, checked, and answering as the library does."""

import functools
import json

import document_material as material
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.inference.served import opening
from bert_tf2.inference.served.served_model import ServedModel
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.jobs.serve.trainings import text_export

open_model = functools.partial(opening.open_model, text_export=text_export)


def texts(name: str, rank: int = 1) -> tf.TensorSpec:
    return tf.TensorSpec([None] * rank, tf.string, name=name)


TEXT = texts("text")
LENGTH = functools.partial(tf.strings.length, unit="UTF8_CHAR")


class Exports(tf.Module):
    """In the signatures of exports; what they answer is counted from the texts."""

    @tf.function(input_signature=[TEXT])
    def classify(self, text):
        share = tf.cast(LENGTH(text), tf.float32)[:, None] / 10
        labels = tf.tile([["short", "long"]], [tf.shape(text)[0], 1])
        return {"labels": labels, "label": labels[:, 0], "probabilities": tf.concat([1 - share, share], 1)}

    @tf.function(input_signature=[TEXT, texts("text_b")])
    def rate(self, text, text_b):
        return {"score": tf.cast(LENGTH(text) - LENGTH(text_b), tf.float32)}

    @tf.function(input_signature=[TEXT])
    def tag(self, text):
        number = tf.range(tf.shape(text)[0])
        found = {"text_number": number, "type": tf.fill(tf.shape(text), "ALL"), "text": text, "start": number * 0}
        return found | {"end": LENGTH(text), "probability": tf.fill(tf.shape(text), 0.5)}

    @tf.function(input_signature=[texts("question"), texts("context")])
    def answer(self, question, context):
        score = tf.fill(tf.shape(question), 0.25)
        return {"answer": context, "score": score, "start": LENGTH(context) * 0, "end": LENGTH(context)}

    @tf.function(input_signature=[texts("context"), texts("question"), texts("choices", 2)])
    def choose(self, context, question, choices):
        lengths = tf.cast(LENGTH(choices), tf.float32)
        probabilities = lengths / tf.reduce_sum(lengths, 1, keepdims=True)
        best = tf.argmax(probabilities, 1, tf.int32)
        return {"prediction": best, "probabilities": probabilities, "choice": tf.gather(choices, best, batch_dims=1)}

    @tf.function(input_signature=[TEXT])
    def embed(self, text):
        length = tf.cast(LENGTH(text), tf.float32)[:, None]
        return {
            "embedding": tf.concat([length, 2 * length], 1),
            "normalized_embedding": tf.concat([length * 0, length * 0 + 1], 1),
        }

    @tf.function(input_signature=[TEXT])
    def spell(self, text):
        return {"letters": text}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    folder, module = tmp_path_factory.mktemp("exports"), Exports()
    for name in ("classify", "rate", "tag", "answer", "choose", "embed", "spell"):
        function = getattr(module, name).get_concrete_function()
        signatures = {"serving_default": function} | ({"pairs": function} if name == "rate" else {})
        tf.saved_model.save(module, str(folder / name), signatures)
    return folder


def answered(model: ServedModel, *instances) -> list:
    """The answers, as they come out of JSON."""
    return json.loads(json.dumps(model.predict([model.check(instance) for instance in instances])))


CASES = [
    ("classify", "classifier", "aa", {"label": "short", "probabilities": {"short": 0.8, "long": 0.2}}),
    ("rate", "classifier", ["aaaa", "b"], {"score": 3.0}),
    ("tag", "entities", {"text": "abc"}, [{"type": "ALL", "text": "abc", "start": 0, "end": 3, "probability": 0.5}]),
    ("answer", "questions", {"question": "q", "context": "abc"}, {"text": "abc", "score": 0.25, "start": 0, "end": 3}),
    (
        "choose",
        "multiple_choice",
        {"question": "q", "choices": ["a", "bbb"]},
        {"number": 1, "text": "bbb", "probability": 0.75, "probabilities": [0.25, 0.75]},
    ),
    ("embed", "vectors", "abc", [3.0, 6.0]),
]


@pytest.mark.parametrize(("name", "kind", "instance", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_export_is_what_its_signature_says(exports, name, kind, instance, expected):
    model = open_model("m", str(exports / name))
    assert (model.name, model.kind) == ("m", kind)
    model.warm_up()
    found = answered(model, instance, instance)
    if name == "classify":
        expected["probabilities"] = {label: pytest.approx(value) for label, value in expected["probabilities"].items()}
    assert found == [expected, expected]


def test_vectors_of_an_export_may_have_the_length_one(exports):
    assert answered(open_model("m", str(exports / "embed"), normalize=True), "abc") == [[0.0, 1.0]]


WRONG = [
    ("classify", ["a", "b"], "is a pair of texts, but the model was trained on single texts"),
    ("classify", {"text": 5}, "'text' must be a text; got a number"),
    ("rate", "a", "is a single text, but the model was trained on pairs"),
    ("tag", "", "empty text"),
    ("answer", "a", r'must be an object \{"question": …, "context": …\}; got a text'),
    ("answer", {"question": "a", "context": " "}, "'context' is an empty text"),
    ("answer", {"question": "a"}, "the key 'context' is missing"),
    ("choose", {"question": "a", "choices": "b"}, "'choices' must be a list of at least two texts; got a text"),
    ("choose", {"question": "a", "choices": ["b"]}, "at least two texts; got a list of 1"),
    ("choose", {"question": "a", "choices": ["b", " "]}, r"'choices'\[1\] must be a text; got an empty text"),
    ("choose", {"question": "", "choices": ["b", "c"]}, "question and context are both empty"),
    ("choose", {"question": "a", "choices": ["b", "c"], "contxt": ""}, "no key 'contxt'. Did you mean 'context'?"),
]


@pytest.mark.parametrize(("name", "instance", "message"), WRONG)
def test_an_instance_is_checked(exports, name, instance, message):
    with pytest.raises(UserError, match=message):
        open_model("m", str(exports / name)).check(instance)


def test_a_checkpoint_gives_vectors_or_words(tmp_path, tiny_vocabulary, tiny_config_dict):
    material.write_model(tmp_path, tiny_vocabulary, tiny_config_dict)
    path = str(tmp_path / "bert_model.ckpt")
    vectors = open_model("m", path, pooling="cls", normalize=True)
    assert vectors.kind == "vectors"
    expected = TextEncoder.from_checkpoint(path, pooling="cls", normalize=True).encode(["good", "very bad"])
    assert answered(vectors, "good", {"text": "very bad"}) == expected.tolist()
    words = open_model("m", path, "fill_mask")
    assert words.kind == "fill_mask"
    expected = MaskFiller.from_checkpoint(path).fill("the [MASK] was good")[0]
    found = answered(words, "the [MASK] was good")[0][0]
    assert [(one["token"], one["text"]) for one in found] == [(one.token, one.text) for one in expected]
    with pytest.raises(UserError, match=r"the text holds no \[MASK\]"):
        words.check("the movie was good")


def test_what_cannot_be_served_is_refused(exports, tmp_path):
    with pytest.raises(UserError, match=r"--model: no such directory or checkpoint: .*/nothing; give a checkpoint"):
        open_model("m", str(tmp_path / "nothing"))
    with pytest.raises(UserError, match=r"is not a model of text that is served \(it takes text and returns letters\)"):
        open_model("m", str(exports / "spell"))
    with pytest.raises(UserError, match=str(tmp_path)):
        open_model("m", str(tmp_path))
    for kind in ("bert_tagging", "bert_classification"):
        (tmp_path / "meta_data.json").write_text(json.dumps({"task_type": kind}))
        with pytest.raises(UserError, match=r"lacks bert_config\.json"):
            open_model("m", str(tmp_path))
    (tmp_path / "export.json").write_text('{"target": "onnx"}')
    with pytest.raises(UserError, match=r"cannot be opened as an export \(KeyError: 'facts'\); export it again"):
        open_model("m", str(tmp_path))
