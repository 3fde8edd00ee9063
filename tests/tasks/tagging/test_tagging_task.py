"""The tagging task: head and loss against the model garden and transformers, tags, scores and wrong settings."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.tagging import crf
from bert_tf2.tasks.tagging.schemes import IOB2, PLAIN
from bert_tf2.tasks.tagging.task import TaggingTask

LABELS = ["O", "B-X", "I-X"]
LENGTH = 7


@pytest.fixture
def config(tiny_config_dict):
    return BertConfig(**tiny_config_dict | {"initializer_range": 0.3, "hidden_act": "gelu_exact"})


@pytest.fixture
def batch():
    """Two rows of words, a padded one among them, and a row that only fills the batch up."""
    numbers = np.random.default_rng(2)
    mask = np.array([[1] * 7, [1] * 4 + [0] * 3, [1] * 7], np.int32)
    tags = np.array([[-1, 1, -1, 2, 0, 1, -1], [-1, 0, 1, -1, -1, -1, -1], [-1, 1, 1, 1, 1, 1, -1]], np.int32)
    return {
        "input_word_ids": tf.constant(numbers.integers(4, 80, (3, LENGTH)) * mask, tf.int32),
        "input_mask": tf.constant(mask),
        "input_type_ids": tf.zeros((3, LENGTH), tf.int32),
        "label_ids": tf.constant(tags),
        "sub_sentence_id": tf.constant([0, 0, 0]),
        "example_weight": tf.constant([1.0, 1.0, 0.0]),
    }


def inputs(batch):
    return {name: batch[name] for name in ("input_word_ids", "input_mask", "input_type_ids")}


def changed(model):
    """The model with values of its own in every variable."""
    for number, variable in enumerate(model.variables):
        variable.assign(variable + 0.01 * (number % 7 - 3))
    return model


def test_outputs_equal_the_gardens_token_classifier_and_checkpoints_interchange(config, batch, tmp_path):
    from official.nlp.modeling import models, networks

    encoder = networks.BertEncoder(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        inner_dim=config.intermediate_size,
        max_sequence_length=config.max_position_embeddings,
        type_vocab_size=config.type_vocab_size,
        dict_outputs=True,
    )
    theirs = changed(models.BertTokenClassifier(encoder, len(LABELS)))
    ours = TaggingTask(LABELS, IOB2).build_model(build_encoder(config))
    path = tf.train.Checkpoint(model=theirs).write(str(tmp_path / "theirs"))
    report = load_encoder_weights(ours, path, config, ours)
    assert not report.missing
    assert not [name for name in report.unused if "save_counter" not in name]
    np.testing.assert_allclose(ours(inputs(batch))["logits"], theirs(inputs(batch))["logits"], atol=1e-5)

    changed(ours)
    path = tf.train.Checkpoint(model=ours).write(str(tmp_path / "ours"))
    tf.train.Checkpoint(model=theirs).read(path).assert_existing_objects_matched()
    np.testing.assert_allclose(ours(inputs(batch))["logits"], theirs(inputs(batch))["logits"], atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_logits_and_loss_equal_those_of_transformers(config, batch, tmp_path):
    transformers = pytest.importorskip("transformers")
    from safetensors.numpy import load_file
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    task = TaggingTask(LABELS, IOB2)
    ours = changed(task.build_model(build_encoder(config)))
    path, folder = tf.train.Checkpoint(model=ours).write(str(tmp_path / "ours")), str(tmp_path / "folder")
    convert.convert(open_source(path), config, folder, "huggingface", kind="classifier")
    theirs = transformers.TFBertForTokenClassification(transformers.AutoConfig.from_pretrained(folder))
    load_pytorch_state_dict_in_tf2_model(theirs, load_file(f"{folder}/model.safetensors"), allow_missing_keys=True)
    given = {
        "input_ids": batch["input_word_ids"][:2],
        "attention_mask": batch["input_mask"][:2],
        "token_type_ids": batch["input_type_ids"][:2],
    }
    logits = ours(inputs(batch))["logits"]
    tags = tf.where(batch["label_ids"] < 0, -100, batch["label_ids"])[:2]
    expected = theirs({**given, "labels": tags}, training=False)
    np.testing.assert_allclose(logits[:2], expected.logits, atol=1e-5)
    loss = task.loss({"logits": logits}, batch, task.loss_denominators(batch))
    assert float(loss) == pytest.approx(float(tf.reduce_mean(expected.loss)), abs=1e-5)


@pytest.mark.parametrize("use_crf", [False, True])
def test_the_loss_falls_into_shares_and_does_not_see_padding(config, batch, use_crf):
    task = TaggingTask(LABELS, IOB2, use_crf=use_crf)
    model = changed(task.build_model(build_encoder(config)))
    denominators = task.loss_denominators(batch)
    assert float(denominators["tags"]) == 6
    whole = float(task.loss(model(inputs(batch)), batch, denominators))
    rows = [{name: value[row : row + 1] for name, value in batch.items()} for row in range(3)]
    shares = [task.loss(model(inputs(row)), row, denominators) for row in rows]
    assert float(sum(shares)) == pytest.approx(whole, rel=1e-5)
    padded = {name: tf.pad(value, [[0, 0], [0, 5]]) for name, value in batch.items() if value.shape.rank == 2}
    padded["label_ids"] = tf.pad(batch["label_ids"], [[0, 0], [0, 5]], constant_values=-1)
    padded |= {name: value for name, value in batch.items() if value.shape.rank == 1}
    assert float(task.loss(model(inputs(padded)), padded, denominators)) == pytest.approx(whole, rel=1e-5)


def collected(task, model, batch):
    return {name: value.numpy() for name, value in task.predictions(model(inputs(batch)), batch).items()}


@pytest.mark.parametrize("use_crf", [False, True])
def test_the_loss_of_an_evaluation_is_that_of_training(config, batch, use_crf):
    task = TaggingTask(LABELS, IOB2, use_crf=use_crf)
    model = changed(task.build_model(build_encoder(config)))
    real = {name: value[:2] for name, value in batch.items()}
    outcome = task.outcome(collected(task, model, real), None)
    loss = task.loss(model(inputs(real)), real, task.loss_denominators(real))
    assert task.scores(outcome, None)["loss"] == pytest.approx(float(loss), rel=1e-4)
    assert [tags.tolist() for tags in outcome.gold] == [[1, 2, 0, 1], [0, 1]]


def test_the_crf_with_zeros_has_the_loss_and_tags_of_a_softmax(config, batch):
    with_crf, without = TaggingTask(LABELS, PLAIN, use_crf=True), TaggingTask(LABELS, PLAIN)
    model = with_crf.build_model(build_encoder(config))
    outputs = model(inputs(batch))
    losses = [float(task.loss(outputs, batch, task.loss_denominators(batch))) for task in (with_crf, without)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    tags = [task.outcome(collected(with_crf, model, batch), None).predicted for task in (with_crf, without)]
    assert [one.tolist() for one in tags[0]] == [one.tolist() for one in tags[1]]


def test_the_transitions_are_found_in_checkpoints(config, batch, tmp_path):
    task = TaggingTask(LABELS, IOB2, use_crf=True)
    model = changed(task.build_model(build_encoder(config)))
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ours"))
    source = open_source(path)
    np.testing.assert_array_equal(source.head("crf")["crf/transitions"].read(), model.get_layer("crf").transitions)
    again = task.build_model(build_encoder(config))
    assert not load_encoder_weights(again, path, config, again).missing
    # Other labels' order: what was learned of a step from one tag to another stays with the two.
    table, turned = (some.head("crf")["crf/transitions"].read() for some in (source, source.with_classes([2, 0, 1])))
    for one, other in itertools.product(range(4), repeat=2):
        place = [2, 0, 1, 3]
        assert turned[one, other] == table[place[one], place[other]]
    np.testing.assert_array_equal(again.get_layer("crf").transitions, model.get_layer("crf").transitions)


def test_windows_of_a_sentence_are_put_together():
    """The best tags are those of the whole sentence, whatever window its words were answered by."""
    task = TaggingTask(LABELS, IOB2, use_crf=True)
    task._crf = crf.Crf(len(LABELS))
    logits = np.array(
        [[[9, 0, 0], [0, 9, 0], [0, 0, 9]], [[0, 0, 9], [1, 0, 2], [0, 0, 0]], [[0, 1, 5], [0] * 3, [0] * 3]], np.float32
    )
    given = {
        "logits": logits,
        "label_ids": np.array([[-1, 1, -1], [2, 0, -1], [0, -1, -1]]),
        "is_word": np.array([[0, 1, 0], [1, 1, 0], [1, 0, 0]]),
        "sub_sentence_id": np.array([0, 1, 0]),
    }
    outcome = task.outcome(given, None)
    assert task.names(outcome.predicted) == [["B-X", "I-X", "I-X"], ["B-X"]]
    assert task.names(outcome.gold) == [["B-X", "I-X", "O"], ["O"]]
    scores = task.scores(outcome, None)
    assert scores["token_accuracy"] == 0.5
    assert (scores["entity_f1"], scores["entity_recall/X"]) == (0.0, 0.0)


def test_scores_of_plain_tags_are_of_words():
    task = TaggingTask(["DET", "NOUN"], PLAIN)
    given = {
        "logits": np.array([[[1, 0], [0, 1]]], np.float32),
        "label_ids": np.array([[0, 0]]),
        "is_word": np.array([[1, 1]]),
        "sub_sentence_id": np.array([0]),
    }
    scores = task.scores(task.outcome(given, None), None)
    assert scores == {"token_accuracy": 0.5, "loss": pytest.approx(math.log(1 + math.exp(-1)) / 2 + math.log(1 + math.e) / 2)}
    assert task.best_metric == "token_accuracy"


def test_wrong_settings_are_refused_in_one_line():
    with pytest.raises(UserError, match="--use_crf is for a tag for each word"):
        TaggingTask(LABELS, IOB2, use_crf=True, label_all_tokens=True)
    with pytest.raises(UserError, match="--strict_entities is for entities"):
        TaggingTask(["A", "B"], PLAIN, strict_entities=True)
    with pytest.raises(UserError, match="Did you mean 'entity_f1'"):
        TaggingTask(LABELS, IOB2, best_metric="entityf1")
