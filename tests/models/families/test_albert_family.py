"""ALBERT, by what holds of every family, the model garden's encoder and real weights."""

import dataclasses
import re
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from family_case import FamilyCase, TrainingCase, inputs_of, random_weights, source_of

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.checkpoints.loading import check_fits, load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.config_forms import Form
from bert_tf2.models.families.albert.config import AlbertConfig
from bert_tf2.models.families.base import config_of, families, family_of, read_config
from bert_tf2.tasks.pretraining.task import PretrainingTask
from bert_tf2.text.vocabulary import load_vocabulary

pytestmark = pytest.mark.filterwarnings("ignore")

GOOGLE = {
    "attention_probs_dropout_prob": 0,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0,
    "embedding_size": 8,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 4,
    "num_hidden_groups": 1,
    "net_structure_type": 0,
    "gap_size": 0,
    "num_memory_blocks": 0,
    "inner_group_num": 1,
    "down_scale_factor": 1,
    "type_vocab_size": 2,
    "vocab_size": 50,
}


TINY = {name: GOOGLE[name] for name in ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers")}


class TestAlbert(FamilyCase):
    name = "albert"
    google = GOOGLE


class TestAlbertWithGroups(TrainingCase):
    name = "albert"
    google = GOOGLE | {"num_hidden_groups": 2}


def test_the_files_of_google_and_of_transformers_are_known():
    # As they were published, albert_base v2.
    google = GOOGLE | {"embedding_size": 128, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
    config = config_of(google | {"intermediate_size": 3072, "max_position_embeddings": 512, "vocab_size": 30000})
    assert (config.embedding_size, config.num_hidden_groups, config.hidden_act) == (128, 1, "gelu")
    assert (config.hidden_dropout_prob, config.head_dropout_prob) == (0, 0.1)
    assert config_of({"model_type": "albert", "hidden_act": "gelu"}).hidden_act == "gelu_exact"
    assert (
        family_of(config_of({"architectures": ["AlbertForMaskedLM"], "vocab_size": 50, "hidden_act": "gelu_new"})).name
        == "albert"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_groups": 3}, "num_hidden_layers must be divisible by num_hidden_groups; 4 % 3 = 1"),
        ({"inner_group_num": 2}, r"inner_group_num must be 1 \(this is an ALBERT encoder\); got 2"),
        ({"net_structure_type": 1}, "net_structure_type must be 0"),
        ({"embedding_sise": 8}, "unknown key 'embedding_sise'. Did you mean 'embedding_size'?"),
        ({"embedding_size": 0}, "embedding_size must be a whole number from 1; got 0"),
    ],
)
def test_what_is_wrong_is_said(change, message):
    with pytest.raises(UserError, match=message):
        config_of(GOOGLE | change)


def test_an_unknown_family_is_named():
    with pytest.raises(UserError, match=r"another model, T5 \(it holds d_kv\)\. Known here .* BERT, ALBERT"):
        config_of({"d_model": 8, "d_kv": 4})
    with pytest.raises(UserError, match=r"another model, funnel \(model_type: funnel\)\. Known here"):
        config_of({"model_type": "funnel"})
    with pytest.raises(UserError, match=r"robertta \(model_type: robertta\)\. Did you mean 'roberta'\? Known here"):
        config_of({"model_type": "robertta"})


def test_a_family_of_others_is_one_object():
    @dataclasses.dataclass(frozen=True)
    class OwnConfig(AlbertConfig):
        form: ClassVar[Form] = Form("Own", "own", "Own", marks=("own_key",), fixed={"own_key": (1,)})

    known = families.get("albert")
    families.register("own")(dataclasses.replace(known, config=OwnConfig, name=""))
    try:
        config = config_of({"vocab_size": 50, "own_key": 1} | TINY)
        assert family_of(config).title == "Own"
        assert family_of(config_of(config.to_hugging_face_dict())).name == "own"
        assert family_of(config_of(GOOGLE)) is known
        with pytest.raises(UserError, match=r"must be a bert_tf2\.models\.families\.base\.Family; got 7"):
            families.register("seven")(7)
    finally:
        del families._plugins["own"]


@pytest.mark.parametrize("to", ["tf2", "tf1", "huggingface"])
def test_weights_of_another_family_are_told(tmp_path, to):
    albert = config_of(GOOGLE)
    bert = BertConfig(50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    for config, other, what in ((albert, bert, "ALBERT"), (bert, albert, "BERT")):
        path = str(tmp_path / what)
        convert.convert(source_of(random_weights(config), family_of(config)), config, path, to)
        with pytest.raises(UserError, match=f"is a checkpoint of {what}, the configuration is one of"):
            check_fits(open_source(path), other)


def garden_encoder(config, randomly=True):
    networks = pytest.importorskip("official.nlp.modeling.networks")
    encoder = networks.AlbertEncoder(
        vocab_size=config.vocab_size,
        embedding_width=config.embedding_size,
        hidden_size=config.hidden_size,
        num_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        max_sequence_length=config.max_position_embeddings,
        type_vocab_size=config.type_vocab_size,
        intermediate_size=config.intermediate_size,
        activation=lambda x: tf_keras.activations.gelu(x, approximate=True),
    )
    rng = np.random.default_rng(3)
    if randomly:
        encoder.set_weights([value + rng.normal(scale=0.2, size=value.shape) for value in encoder.get_weights()])
    return encoder


def test_outputs_are_those_of_the_garden(tmp_path):
    config = config_of(GOOGLE)
    theirs = garden_encoder(config)
    tf.train.Checkpoint(model=theirs).write(str(tmp_path / "garden"))
    source = open_source(str(tmp_path / "garden"))
    assert (source.family.name, source.others, source.num_attention_heads) == ("albert", [], 2)
    ours = families.get("albert").build(config)
    assert load_encoder_weights(ours, source, config).missing == []
    inputs = inputs_of(config)
    sequence, pooled = theirs([inputs["input_word_ids"], inputs["input_mask"], inputs["input_type_ids"]])
    found = ours(inputs)
    within = inputs["input_mask"].numpy() == 1
    np.testing.assert_allclose(found["sequence_output"].numpy()[within], sequence.numpy()[within], atol=1e-5)
    np.testing.assert_allclose(found["pooled_output"], pooled, atol=1e-5)
    # The same variables in the same order.
    for value, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(value, other)


def test_the_garden_restores_what_is_written(tmp_path):
    config = config_of(GOOGLE)
    arrays = random_weights(config)
    convert.convert(source_of(arrays, families.get("albert")), config, str(tmp_path / "written"), "tf2", root_name="model")
    theirs = garden_encoder(config, randomly=False)
    tf.train.Checkpoint(model=theirs).read(str(tmp_path / "written")).assert_consumed()
    np.testing.assert_array_equal(theirs.get_weights()[0], arrays["bert/embeddings/word_embeddings"])
    # Ours as it trains, too.
    ours = families.get("albert").build(config)
    tf.train.Checkpoint(model=ours).write(str(tmp_path / "ours"))
    tf.train.Checkpoint(model=theirs).read(str(tmp_path / "ours")).assert_existing_objects_matched()
    for value, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(value, other)


def test_the_second_bias_of_their_masked_lm_head_is_the_first(tmp_path):
    from safetensors.numpy import load_file

    config = config_of(GOOGLE)
    convert.convert(
        source_of(random_weights(config, ("masked_lm",)), families.get("albert")), config, str(tmp_path / "f"), "huggingface"
    )
    state = load_file(str(tmp_path / "f" / "model.safetensors"))
    np.testing.assert_array_equal(state["predictions.bias"], state["predictions.decoder.bias"])
    assert state["albert.encoder.embedding_hidden_mapping_in.weight"].shape == (16, 8)
    assert read_config(str(tmp_path / "f" / "config.json")) == config


# A reaction of the README of the package that the weights are from.
REACTION = "CC(C)S.CN(C)C=O.Fc1cccnc1F.O=C([O-])[O-].[K+].[K+]>>CC(C)Sc1ncccc1F"
# Regular expression of Schwaller et al. 2018 that its tokenizer cuts SMILES by.
SMILES = re.compile(
    r"(\%\([0-9]{3}\)|\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\||\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|\%[0-9]{2}|[0-9])"
)


@pytest.mark.real_data
def test_real_weights_fill_masks(real_data):
    folder = str(real_data / "weights" / "albert-reactions")
    config = read_config(f"{folder}/config.json")
    vocabulary = load_vocabulary(f"{folder}/vocab.txt").ids
    tokens = SMILES.findall(REACTION)
    assert "".join(tokens) == REACTION
    ids = np.array([vocabulary["[CLS]"], *(vocabulary[token] for token in tokens), vocabulary["[SEP]"]], np.int32)
    encoder = families.get("albert").build(config, for_pretraining=True)
    model = PretrainingTask(config, next_sentence=False).build_model(encoder)
    assert load_encoder_weights(encoder, folder, config, head_model=model).missing == []
    places = np.arange(1, len(ids) - 1)
    rows = np.tile(ids, [len(places), 1])
    rows[np.arange(len(places)), places] = vocabulary["[MASK]"]
    inputs = {"input_word_ids": rows, "input_mask": np.ones_like(rows), "input_type_ids": np.zeros_like(rows)}
    hidden = encoder(inputs | {"output_positions": places[:, np.newaxis].astype(np.int32)})["sequence_output"]
    found = tf.argmax(model.masked_lm.logits(hidden, tf.range(len(places))), axis=1).numpy()
    assert (int((found == ids[places]).sum()), len(places)) == (53, 54)
