"""RoBERTa, by what holds of every family, and real weights."""

import numpy as np
import pytest
import tensorflow as tf
from family_case import FamilyCase, inputs_of, random_weights, source_of, their_inputs, theirs

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, load_encoder_weights, open_source
from bert_tf2.models.families.base import config_of, families, read_config
from bert_tf2.tasks.pretraining.task import PretrainingTask

pytestmark = pytest.mark.filterwarnings("ignore")

# The keys of `roberta-base`.
PUBLISHED = {
    "architectures": ["RobertaForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 18,
    "model_type": "roberta",
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "pad_token_id": 1,
    "type_vocab_size": 1,
    "vocab_size": 50,
}


class TestRoberta(FamilyCase):
    name = "roberta"
    google = PUBLISHED
    formats = ("tf2", "huggingface")
    has_next_sentence = False

    def inputs_of(self, config, *lengths):
        inputs = inputs_of(config, *lengths)
        ids = inputs["input_word_ids"]
        return inputs | {"input_word_ids": tf.where(ids == config.pad_token_id, 7, ids)}

    def their_inputs(self, inputs):
        # Theirs finds the padding by its id; ours is told it.
        return their_inputs(inputs | {"input_word_ids": tf.where(inputs["input_mask"] == 1, inputs["input_word_ids"], 1)})


def test_as_long_as_there_are_positions():
    config = config_of(PUBLISHED)
    assert (config.longest_input, config.first_position) == (16, 2)
    assert config_of(PUBLISHED | {"pad_token_id": 0}).longest_input == 17
    with pytest.raises(UserError, match=r"max_position_embeddings must be above pad_token_id \+ 1, .*; got 2 and pad_token_id 1"):
        config_of(PUBLISHED | {"max_position_embeddings": 2})


def test_weights_without_a_name_before_them_are_what_the_configuration_says(tmp_path):
    """A bare `RobertaModel` has the names of a bare `BertModel`."""
    config, family = config_of(PUBLISHED), families.get("roberta")
    convert.convert(source_of(random_weights(config), family), config, str(tmp_path / "folder"), "huggingface")
    assert open_source(str(tmp_path / "folder")).family is family
    (tmp_path / "folder" / "config.json").unlink()
    source = open_source(str(tmp_path / "folder"))
    assert source.family.name == "bert"
    assert load_encoder_weights(family.build(config), source, config).missing == []


@pytest.mark.parametrize("kind", ["tagger", "multiple_choice"])
def test_the_models_of_transformers_for_other_tasks(tmp_path, kind):
    config, family = config_of(PUBLISHED), families.get("roberta")
    arrays = random_weights(config, ("classifier",), classes=1 if kind == "multiple_choice" else 3)
    folder = str(tmp_path / "folder")
    convert.convert(source_of(arrays, family), config, folder, "huggingface", kind=kind)
    ours = TestRoberta().inputs_of(config)
    inputs = TestRoberta().their_inputs(ours)
    encoder = family.build(config)
    assert load_encoder_weights(encoder, folder, config).missing == []
    found = encoder(ours)
    if kind == "multiple_choice":
        logits = found["pooled_output"] @ arrays["output_weights"].T + arrays["output_bias"]
        asked = {name: value[tf.newaxis] for name, value in inputs.items()}
        np.testing.assert_allclose(theirs(folder)(asked).logits[0], logits[:, 0], atol=1e-5)
    else:
        logits = (found["sequence_output"] @ arrays["output_weights"].T + arrays["output_bias"]).numpy()
        within = inputs["attention_mask"].numpy() == 1
        np.testing.assert_allclose(logits[within], theirs(folder)(inputs).logits.numpy()[within], atol=1e-5)


# A heavy chain of an antibody, by the framework that many have.
CHAIN = "EVQLVESGGGLVQPGGSLRLSCAASGFTFSSYWMSWVRQAPGKGLEWVANIKQDGSEKYYVDSVKGRFTISRDNAKNSLYLQMNSLRAEDTAVYYCARDGWGSYFDYWGQGTLVTVSS"


@pytest.mark.real_data
def test_real_weights_fill_masks(real_data):
    folder = str(real_data / "weights" / "roberta-antibody")
    config = read_config(f"{folder}/config.json")
    with open(f"{folder}/ids.txt", encoding="utf-8") as file:
        vocabulary = {token: id for id, token in enumerate(file.read().split())}
    ids = np.array([vocabulary["<s>"], *(vocabulary[residue] for residue in CHAIN), vocabulary["</s>"]], np.int32)
    encoder = families.get("roberta").build(config, for_pretraining=True)
    model = PretrainingTask(config, next_sentence=False).build_model(encoder)
    load_encoder_weights(encoder, folder, config, head_model=model)
    places = np.arange(1, len(ids) - 1)
    rows = np.tile(ids, [len(places), 1])
    rows[np.arange(len(places)), places] = vocabulary["<mask>"]
    inputs = {"input_word_ids": rows, "input_mask": np.ones_like(rows), "input_type_ids": np.zeros_like(rows)}
    hidden = encoder(inputs | {"output_positions": places[:, np.newaxis].astype(np.int32)})["sequence_output"]
    logits = model.masked_lm.logits(hidden, tf.range(len(places))).numpy()
    expected = theirs(folder)(their_inputs(inputs)).logits.numpy()[np.arange(len(places)), places]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert (int((logits.argmax(axis=1) == ids[places]).sum()), len(places)) == (114, 118)
