"""What a pre-training of ELECTRA leaves: discriminator and generator in one checkpoint, as google-research/electra has them."""

import numpy as np
import pytest
import tensorflow as tf
from family_case import LENGTH, ROWS, inputs_of, their_inputs, theirs

from bert_tf2.errors import JobError, UserError
from bert_tf2.models.checkpoints import convert, load_encoder_weights, open_source
from bert_tf2.models.checkpoints.loading import check_fits
from bert_tf2.models.families.base import config_of, families, family_of
from bert_tf2.models.families.electra.generator import build_generator, generator_config
from bert_tf2.tasks.pretraining.replaced_tokens.options import ReplacedTokenOptions
from bert_tf2.tasks.pretraining.replaced_tokens.task import ReplacedTokenTask

pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {
    "model_type": "electra",
    "embedding_size": 8,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
    "vocab_size": 50,
}
SIZES = ReplacedTokenOptions(generator_hidden_size=0.5, generator_layers=0.67)


@pytest.fixture(params=[8, 16], ids=["narrow embeddings", "one width"])
def config(request):
    return config_of(SMALL | {"embedding_size": request.param})


def googles_arrays(config, generator) -> dict[str, np.ndarray]:
    """By the names of google-research/electra's pretrain/pretrain_helpers.py and model/modeling.py."""
    embedding, rng = config.embedding_size, np.random.default_rng(2)
    shapes = {
        "electra/embeddings/word_embeddings": [config.vocab_size, embedding],
        "electra/embeddings/position_embeddings": [config.max_position_embeddings, embedding],
        "electra/embeddings/token_type_embeddings": [2, embedding],
        "electra/embeddings/LayerNorm/gamma": [embedding],
        "electra/embeddings/LayerNorm/beta": [embedding],
        "generator_predictions/dense/kernel": [generator.hidden_size, embedding],
        "generator_predictions/dense/bias": [embedding],
        "generator_predictions/LayerNorm/gamma": [embedding],
        "generator_predictions/LayerNorm/beta": [embedding],
        "generator_predictions/output_bias": [config.vocab_size],
        "discriminator_predictions/dense/kernel": [config.hidden_size, config.hidden_size],
        "discriminator_predictions/dense/bias": [config.hidden_size],
        "discriminator_predictions/dense_1/kernel": [config.hidden_size, 1],
        "discriminator_predictions/dense_1/bias": [1],
    }
    for scope, one in (("electra", config), ("generator", generator)):
        hidden, inner = one.hidden_size, one.intermediate_size
        if embedding != hidden:
            shapes |= {f"{scope}/embeddings_project/kernel": [embedding, hidden], f"{scope}/embeddings_project/bias": [hidden]}
        for layer in range(one.num_hidden_layers):
            for name, sizes in {
                "attention/self/query": [hidden, hidden],
                "attention/self/key": [hidden, hidden],
                "attention/self/value": [hidden, hidden],
                "attention/output/dense": [hidden, hidden],
                "intermediate/dense": [hidden, inner],
                "output/dense": [inner, hidden],
            }.items():
                shapes[f"{scope}/encoder/layer_{layer}/{name}/kernel"] = sizes
                shapes[f"{scope}/encoder/layer_{layer}/{name}/bias"] = sizes[1:]
            for name in ("attention/output/LayerNorm", "output/LayerNorm"):
                shapes |= {f"{scope}/encoder/layer_{layer}/{name}/{part}": [hidden] for part in ("gamma", "beta")}
    return {name: rng.normal(0.0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def write(arrays, path) -> str:
    values = [tf.constant(value) for value in arrays.values()]
    tf.raw_ops.SaveV2(prefix=str(path), tensor_names=list(arrays), shape_and_slices=[""] * len(arrays), tensors=values)
    return str(path)


def loaded(config, source):
    """The model of a pre-training with the weights of a checkpoint, of which none is left over but what is said."""
    task = ReplacedTokenTask(config, SIZES, mask_id=4)
    encoder = family_of(config).build(config)
    model = task.build_model(encoder)
    source = source.of_family(family_of(config))
    report = load_encoder_weights(encoder, source.without_companions(), config, head_model=model)
    assert [name for name in report.missing if "/pooler/" not in name] == []
    (part,) = task.companions(model).values()
    beside = load_encoder_weights(
        part.encoder, source.companions["generator"], part.config, head_model=model, companion="generator"
    )
    assert beside.missing == report.mismatched == beside.mismatched == []
    return model, report


def test_googles_checkpoints_hold_discriminator_and_generator(config, tmp_path):
    generator = generator_config(config, 0.5, 0.67)
    assert (generator.hidden_size, generator.num_hidden_layers) == (8, 2)
    arrays = googles_arrays(config, generator)
    extra = {"global_step": np.int64(7), "electra/embeddings/word_embeddings/adam_m": np.zeros([50, 8], np.float32)}
    source = open_source(write(arrays | extra, tmp_path / "model.ckpt"))
    assert (source.family.name, source.step, source.optimizer_slots) == ("electra", 7, 2)
    # To a task it is the discriminator, and the rest is left aside.
    assert source.others == sorted(name for name in arrays if name.startswith("generator"))
    (beside,) = source.companions.values()
    stored = {tensor.stored_name: tensor for one in (source, beside) for tensor in one.tensors.values()}
    assert set(stored) == set(arrays)
    for name, tensor in stored.items():
        np.testing.assert_array_equal(tensor.read(), arrays[name], name)
    told = families.get("electra").companions["generator"].config(config, beside.family.weights.sizes(beside.shapes))
    assert told == generator
    with pytest.raises(UserError, match="is a checkpoint of ELECTRA, the configuration is one of BERT"):
        check_fits(
            source, config_of({name: value for name, value in SMALL.items() if name not in ("model_type", "embedding_size")})
        )


def test_every_form_of_a_pretraining_is_the_same(config, tmp_path):
    """From TF1 into a model, from there the run's own checkpoint, TF1 again, a TF2 discriminator, folders for transformers."""
    generator = generator_config(config, 0.5, 0.67)
    arrays = googles_arrays(config, generator)
    model, report = loaded(config, open_source(write(arrays, tmp_path / "model.ckpt")))
    assert report.unused == []
    tf.train.Checkpoint(model=model, global_step=tf.Variable(3)).write(str(tmp_path / "ckpt-3"))
    source = open_source(str(tmp_path / "ckpt-3")).of_family(family_of(config))
    assert source.notes == []
    converted = convert.convert(source, config, str(tmp_path / "again"), "tf1")
    assert (converted.kind, converted.unused) == ("discriminator", [])
    again = tf.train.load_checkpoint(str(tmp_path / "again"))
    names = set(again.get_variable_to_shape_map())
    # The pooler has no weights in the original: they are random here.
    assert names - set(arrays) == {"electra/pooler/dense/kernel", "electra/pooler/dense/bias"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(again.get_tensor(name), array, name)
    loaded(config, open_source(str(tmp_path / "again")))

    convert.convert(source, config, str(tmp_path / "tf2"), "tf2", kind="discriminator")
    folders = [str(tmp_path / name) for name in ("discriminator", "generator")]
    convert.convert(source, config, folders[0], "huggingface", kind="discriminator")
    convert.convert(source.companions["generator"], generator, folders[1], "huggingface", kind="pretrainer")
    assert type(theirs(folders[0])).__name__ == "TFElectraForPreTraining"
    assert type(theirs(folders[1])).__name__ == "TFElectraForMaskedLM"
    for path in (tmp_path / "tf2", folders[0]):
        other = open_source(str(path)).of_family(family_of(config))
        for name, tensor in other.tensors.items():
            np.testing.assert_array_equal(tensor.read(), source.tensors[name].read(), name)
        assert set(source.tensors) - set(other.tensors) <= {"bert/pooler/dense/kernel", "bert/pooler/dense/bias"}


def test_outputs_are_those_of_transformers(config, tmp_path):
    generator = generator_config(config, 0.5, 0.67)
    source = open_source(write(googles_arrays(config, generator), tmp_path / "model.ckpt"))
    model, _ = loaded(config, source)
    folders = [str(tmp_path / name) for name in ("discriminator", "generator")]
    convert.convert(source, config, folders[0], "huggingface", kind="discriminator")
    convert.convert(source.companions["generator"], generator, folders[1], "huggingface", kind="pretrainer")
    discriminator, masked_lm = map(theirs, folders)
    for lengths in ((LENGTH, LENGTH - 3, LENGTH // 2, 1, LENGTH), (LENGTH,) * ROWS):
        inputs = inputs_of(config, lengths)
        within = inputs["input_mask"].numpy() == 1
        logits = model.discriminator_head(model.encoder(inputs)["sequence_output"])
        expected = discriminator(their_inputs(inputs)).logits
        np.testing.assert_allclose(logits.numpy()[within], expected.numpy()[within], atol=1e-5)
        positions = tf.tile(tf.range(LENGTH)[tf.newaxis], [ROWS, 1])
        hidden = model.generator(inputs | {"output_positions": positions})["sequence_output"]
        guesses = tf.reshape(model.masked_lm.logits(hidden, tf.range(ROWS * LENGTH)), [ROWS, LENGTH, -1])
        expected = masked_lm(their_inputs(inputs)).logits
        np.testing.assert_allclose(guesses.numpy()[within], expected.numpy()[within], atol=1e-5)


def test_a_generator_of_another_size_is_named(config, tmp_path):
    generator = generator_config(config, 0.25)
    source = open_source(write(googles_arrays(config, generator), tmp_path / "model.ckpt"))
    message = (
        r"has 3 layer\(s\) of width 4, the flags ask for 2 of width 8; give --generator_hidden_size=0.25 --generator_layers=1$"
    )
    with pytest.raises(UserError, match=message):
        ReplacedTokenTask(config, SIZES, mask_id=4).check_source(source)


def test_what_was_written_wrong_is_found(config, tmp_path, monkeypatch):
    source = open_source(write(googles_arrays(config, generator_config(config, 0.5, 0.67)), tmp_path / "model.ckpt"))
    real = convert.write_tf1
    monkeypatch.setattr(convert, "write_tf1", lambda path, tensors, family, companions: real(path, tensors, family))
    with pytest.raises(JobError, match="reading back what was written found other tensors"):
        convert.convert(source, config, str(tmp_path / "again"), "tf1")


def test_a_generator_shares_the_embeddings(config):
    encoder = family_of(config).build(config)
    generator = build_generator(generator_config(config), encoder)
    assert generator._embedding_layer is encoder._embedding_layer
    assert not hasattr(generator, "_pooler_layer")
    assert "pooled_output" not in generator.output
