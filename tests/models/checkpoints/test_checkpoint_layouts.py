"""Every layout in which the model garden has kept a BERT is read, and gives the garden's outputs."""

import garden_checkpoints as garden
import numpy as np
import pytest
import tensorflow as tf
from official.nlp.modeling import models, networks

from bert_tf2.models.checkpoints import load_encoder_weights, open_source, read_heads
from bert_tf2.models.encoder import build_encoder

CONFIG = garden.CONFIG


def _load_and_compare(path, encoder, pooled_output=None):
    ours = build_encoder(CONFIG)
    report = load_encoder_weights(ours, path, CONFIG)
    expected_sequence, expected_pooled = garden.outputs(encoder)
    sequence, pooled = garden.outputs(ours)
    np.testing.assert_allclose(sequence, expected_sequence, atol=1e-5)
    np.testing.assert_allclose(pooled, expected_pooled if pooled_output is None else pooled_output, atol=1e-5)
    assert (report.format, len(report.loaded), report.missing, report.mismatched) == ("tf2", 39, [], [])
    return report


@pytest.mark.parametrize("root_name", ["model", "encoder"])
def test_an_encoder_alone(tmp_path, root_name):
    encoder = garden.garden_encoder()
    path = tf.train.Checkpoint(**{root_name: encoder}).write(str(tmp_path / "ckpt"))
    assert _load_and_compare(path, encoder).unused == []


def test_an_encoder_as_the_root(tmp_path):
    encoder = garden.garden_encoder()
    _load_and_compare(tf.train.Checkpoint(encoder).write(str(tmp_path / "ckpt")), encoder)


def test_an_encoder_that_is_a_layer(tmp_path):
    encoder = garden.garden_encoder(networks.BertEncoderV2)
    _load_and_compare(tf.train.Checkpoint(encoder=encoder).write(str(tmp_path / "ckpt")), encoder)


def test_a_classifier_with_its_optimizer(tmp_path):
    encoder = garden.garden_encoder()
    classifier = models.BertClassifier(encoder, num_classes=3)
    garden.randomize(classifier)
    path = garden.with_adam(classifier).save(str(tmp_path / "ckpt"))
    report = _load_and_compare(path, encoder)
    assert report.unused == [f"model/layer_with_weights-1/out_proj/{part}" for part in ("kernel", "bias")]
    assert report.optimizer_slots == 82
    head = read_heads(path)["classifier"]
    np.testing.assert_array_equal(head["output_weights"].T, classifier.variables[-2])
    np.testing.assert_array_equal(head["output_bias"], classifier.variables[-1])


def test_a_classifier_on_an_encoder_that_is_a_layer(tmp_path):
    encoder = garden.garden_encoder(networks.BertEncoderV2)
    classifier = models.BertClassifier(encoder, num_classes=3, use_encoder_pooler=False)
    garden.randomize(classifier)
    path = tf.train.Checkpoint(model=classifier).write(str(tmp_path / "ckpt"))
    first_token = garden.outputs(encoder)[0][:, 0]
    dense = classifier.layers[-1].dense
    report = _load_and_compare(path, encoder, pooled_output=dense(first_token).numpy())
    assert "classification head" in report.summary()
    assert read_heads(path)["classifier"]["output_weights"].shape == (3, 16)


def test_a_span_labeler(tmp_path):
    encoder = garden.garden_encoder()
    labeler = models.BertSpanLabeler(encoder)
    garden.randomize(labeler)
    path = garden.with_adam(labeler).save(str(tmp_path / "ckpt"))
    assert len(_load_and_compare(path, encoder).unused) == 2
    np.testing.assert_array_equal(read_heads(path)["span"]["cls/squad/output_weights"].T, labeler.variables[-2])


def test_a_pretraining_checkpoint_of_the_legacy_trainer(tmp_path):
    model, encoder = garden.legacy_pretrainer()
    path = garden.with_adam(model).save(str(tmp_path / "ctl_step_8.ckpt"))
    keys = [key for key, _ in tf.train.list_variables(path)]
    # The trap: the word embeddings lie under the masked-LM head.
    assert any(key.endswith("layer_with_weights-2/embedding_table/.ATTRIBUTES/VARIABLE_VALUE") for key in keys)
    _load_and_compare(path, encoder)
    heads = read_heads(path)
    by_name = {variable.name: variable.numpy() for variable in model.variables}
    assert set(heads) == {"masked_lm", "next_sentence"}
    np.testing.assert_array_equal(
        heads["masked_lm"]["cls/predictions/output_bias"], by_name["cls/predictions/output_bias/bias:0"]
    )
    kernel = by_name["predictions/transform/logits/kernel:0"]
    np.testing.assert_array_equal(heads["next_sentence"]["cls/seq_relationship/output_weights"].T, kernel)


@pytest.mark.parametrize("whole_model", [False, True])
@pytest.mark.parametrize("version", [networks.BertEncoder, networks.BertEncoderV2])
def test_the_items_of_a_pretrainer(tmp_path, whole_model, version):
    encoder = garden.garden_encoder(version, **({"dict_outputs": True} if version is networks.BertEncoder else {}))
    model = garden.pretrainer_v2(encoder)
    items = model.checkpoint_items | ({"model": model} if whole_model else {})
    path = tf.train.Checkpoint(**items).write(str(tmp_path / "ckpt"))
    head = model.classification_heads[0]
    pooled = head.dense(garden.outputs(encoder)[0][:, 0]).numpy()
    report = _load_and_compare(path, encoder, pooled_output=pooled)
    assert "next_sentence.pooler_dense" in report.summary()
    heads = read_heads(path)
    # The garden saves the layer of next-sentence logits only as part of the whole model.
    assert set(heads) == ({"masked_lm", "next_sentence"} if whole_model else {"masked_lm"})
    if whole_model:
        kernel = heads["next_sentence"]["cls/seq_relationship/output_weights"].T
        np.testing.assert_array_equal(kernel, head.out_proj.kernel)


@pytest.mark.parametrize("name", ["sentence_prediction", "cls"])
def test_the_items_of_a_classifier_with_a_pooler_of_its_own(tmp_path, name):
    encoder = garden.garden_encoder(networks.BertEncoderV2)
    head = garden.layers.ClassificationHead(inner_dim=16, num_classes=3, name=name)
    classifier = models.BertClassifier(encoder, num_classes=3, cls_head=head, use_encoder_pooler=False)
    garden.randomize(classifier)
    path = tf.train.Checkpoint(**classifier.checkpoint_items).write(str(tmp_path / "ckpt"))
    report = _load_and_compare(path, encoder, pooled_output=head.dense(garden.outputs(encoder)[0][:, 0]).numpy())
    assert f"{name}.pooler_dense" in report.summary()


def test_a_pretrainer_alone_gives_the_pooler_that_it_trained(tmp_path):
    encoder = garden.garden_encoder(networks.BertEncoderV2)
    model = garden.pretrainer_v2(encoder)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    pooled = model.classification_heads[0].dense(garden.outputs(encoder)[0][:, 0]).numpy()
    assert "classification head" in _load_and_compare(path, encoder, pooled_output=pooled).summary()


def test_the_nested_layout_of_the_gardens_pretrainer_conversion(tmp_path):
    encoder = garden.garden_encoder(dict_outputs=True)
    model = garden.built(models.BertPretrainerV2(encoder))
    # Its converter overwrites the item `encoder` with the whole model.
    path = tf.train.Checkpoint(encoder=model, masked_lm=model.masked_lm).save(str(tmp_path / "ckpt"))
    _load_and_compare(path, encoder)


def _node(**children):
    node = tf.Module()
    for name, child in children.items():
        setattr(node, name, child)
    return node


def _layers(arrays, **parts):
    """A node with a layer for every part, two variables each; `parts` are plain names."""
    layers = {}
    for part, name in parts.items():
        kinds = ("gamma", "beta") if "LayerNorm" in name else ("kernel", "bias")
        layers[part] = _node(**{kind: tf.Variable(arrays[f"{name}/{kind}"]) for kind in kinds})
    return layers


def test_the_subclassed_model_of_2019(tmp_path):
    arrays = garden.random_weights(heads=())
    blocks = []
    for index in range(2):
        name = f"bert/encoder/layer_{index}"
        attention = _layers(arrays, **{f"{part}_dense": f"{name}/attention/self/{part}" for part in ("query", "key", "value")})
        others = _layers(
            arrays,
            attention_output_dense=f"{name}/attention/output/dense",
            attention_layer_norm=f"{name}/attention/output/LayerNorm",
            intermediate_dense=f"{name}/intermediate/dense",
            output_dense=f"{name}/output/dense",
            output_layer_norm=f"{name}/output/LayerNorm",
        )
        blocks.append(_node(attention_layer=_node(**attention), **others))
    model = _node(
        embedding_lookup=_node(embeddings=tf.Variable(arrays["bert/embeddings/word_embeddings"])),
        embedding_postprocessor=_node(
            type_embeddings=tf.Variable(arrays["bert/embeddings/token_type_embeddings"]),
            position_embeddings=tf.Variable(arrays["bert/embeddings/position_embeddings"]),
            **_layers(arrays, output_layer_norm="bert/embeddings/LayerNorm"),
        ),
        encoder=_node(layers=blocks),
        **_layers(arrays, pooler_transform="bert/pooler/dense"),
    )
    path = tf.train.Checkpoint(model=_node(**{"layer_with_weights-0": model})).save(str(tmp_path / "ckpt"))
    garden.assert_same(garden.read_all(open_source(path)), arrays)
    assert load_encoder_weights(build_encoder(CONFIG), path, CONFIG).missing == []


@pytest.mark.parametrize("alias", [False, True])
def test_the_functional_models_of_2020(tmp_path, alias):
    """The attention's output was a layer of the block (keras_bert); for a while it was reached both ways."""
    encoder = garden.garden_encoder()

    def copy(layer):
        return _node(**{name: getattr(layer, name) for name in ("kernel", "bias", "gamma", "beta") if hasattr(layer, name)})

    model = tf.Module()
    plain = [encoder.get_embedding_layer(), encoder._position_embedding_layer, encoder._type_embedding_layer]
    layers = [_node(embeddings=layer.variables[0]) for layer in plain] + [copy(encoder._embedding_norm_layer)]
    for block in encoder._transformer_layers:
        attention = block._attention_layer
        inner = {f"_{part}_dense": copy(getattr(attention, f"_{part}_dense")) for part in ("query", "key", "value")}
        output = copy(attention._output_dense)
        if alias:
            inner["_output_dense"] = output
        parts = ("_attention_layer_norm", "_intermediate_dense", "_output_dense", "_output_layer_norm")
        copies = {part: copy(getattr(block, part)) for part in parts}
        layers.append(_node(_attention_output_dense=output, _attention_layer=_node(**inner), **copies))
    layers.append(copy(encoder._pooler_layer))
    for index, layer in enumerate(layers):
        setattr(model, f"layer_with_weights-{index}", layer)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    assert "_attention_output_dense/kernel" in str(tf.train.list_variables(path))
    _load_and_compare(path, encoder)


def test_a_checkpoint_of_our_own(tmp_path):
    ours = build_encoder(CONFIG)
    garden.randomize(ours)
    path = garden.with_adam(ours).save(str(tmp_path / "ckpt"))
    _load_and_compare(path, ours)


def test_the_gardens_encoder_is_a_target_too(tmp_path):
    source = build_encoder(CONFIG)
    garden.randomize(source)
    path = tf.train.Checkpoint(model=source).write(str(tmp_path / "ckpt"))
    target = garden.garden_encoder()
    load_encoder_weights(target, path, CONFIG)
    np.testing.assert_allclose(garden.outputs(target)[0], garden.outputs(source)[0], atol=1e-5)
