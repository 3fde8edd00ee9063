"""ELECTRA, by what holds of every family."""

import numpy as np
import pytest
import tensorflow as tf
from family_case import FamilyCase, TrainingCase, inputs_of, random_weights, source_of, their_inputs, theirs

from bert_tf2.models.checkpoints import convert, load_encoder_weights
from bert_tf2.models.families.base import config_of, families, family_of

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


class TestElectra(TrainingCase):
    name = "electra"
    google = SMALL
    has_next_sentence = False
    pooler_kinds = ("classifier",)


class TestElectraOfOneWidth(FamilyCase):
    """As the base and large models are: nothing is projected."""

    name = "electra"
    google = SMALL | {"embedding_size": 16}
    has_next_sentence = False
    pooler_kinds = ("classifier",)


# As the Chinese models have them, `electra_small_discriminator_config.json`, but for the sizes.
CHINESE = {name: value for name, value in SMALL.items() if name != "model_type"} | {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "type_vocab_size": 2,
}


def test_a_file_of_googles_form_with_narrow_embeddings_is_an_electras():
    config = config_of(CHINESE)
    assert family_of(config).name == "electra"
    assert config.hidden_act == "gelu_exact"
    # Nothing tells these two apart.
    assert family_of(config_of(CHINESE | {"embedding_size": 16})).name == "bert"


@pytest.mark.parametrize("kind", ["span", "tagger", "multiple_choice"])
def test_the_models_of_transformers_for_other_tasks(tmp_path, kind):
    config, family = config_of(SMALL), families.get("electra")
    head = "span" if kind == "span" else "classifier"
    arrays = random_weights(config, (head,), classes=1 if kind == "multiple_choice" else 3)
    folder = str(tmp_path / "folder")
    convert.convert(source_of(arrays, family), config, folder, "huggingface", kind=kind)
    inputs = inputs_of(config)
    encoder = family.build(config)
    assert load_encoder_weights(encoder, folder, config).mismatched == []
    if kind == "multiple_choice":
        asked = {name: value[tf.newaxis] for name, value in their_inputs(inputs).items()}
        logits = encoder(inputs)["pooled_output"] @ arrays["output_weights"].T + arrays["output_bias"]
        np.testing.assert_allclose(theirs(folder)(asked).logits[0], logits[:, 0], atol=1e-5)
        return
    found = theirs(folder)(their_inputs(inputs))
    hidden, name = encoder(inputs)["sequence_output"], "cls/squad/" if kind == "span" else ""
    logits = (hidden @ arrays[f"{name}output_weights"].T + arrays[f"{name}output_bias"]).numpy()
    within = inputs["input_mask"].numpy() == 1
    expected = found.logits.numpy() if kind == "tagger" else np.stack([found.start_logits, found.end_logits], axis=-1)
    np.testing.assert_allclose(logits[within], expected[within], atol=1e-5)
