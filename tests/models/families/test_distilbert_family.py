"""DistilBERT, by what holds of every family."""

import pytest
from family_case import FamilyCase, their_inputs

from bert_tf2.errors import UserError
from bert_tf2.models.families.base import config_of

pytestmark = pytest.mark.filterwarnings("ignore")

# The keys of `distilbert-base-uncased`.
PUBLISHED = {
    "activation": "gelu",
    "architectures": ["DistilBertForMaskedLM"],
    "attention_dropout": 0.1,
    "dim": 16,
    "dropout": 0.1,
    "hidden_dim": 32,
    "initializer_range": 0.02,
    "max_position_embeddings": 16,
    "model_type": "distilbert",
    "n_heads": 2,
    "n_layers": 3,
    "pad_token_id": 0,
    "qa_dropout": 0.1,
    "seq_classif_dropout": 0.2,
    "sinusoidal_pos_embds": False,
    "tie_weights_": True,
    "transformers_version": "4.10.0.dev0",
    "vocab_size": 50,
}


class TestDistilBert(FamilyCase):
    name = "distilbert"
    google = PUBLISHED
    formats = ("tf2", "huggingface")
    has_next_sentence = False
    pooler_kinds = ("classifier",)

    def their_inputs(self, inputs):
        return {name: value for name, value in their_inputs(inputs).items() if name != "token_type_ids"}


def test_old_files_say_less():
    config = config_of({name: value for name, value in PUBLISHED.items() if name not in ("model_type", "architectures")})
    assert config == config_of(PUBLISHED)
    assert (config.hidden_size, config.num_hidden_layers, config.head_dropout_prob) == (16, 3, 0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sinusoidal_pos_embds": True}, r"sinusoidal_pos_embds must be False \(this is a DistilBERT encoder\); got True"),
        ({"dim": 15}, "hidden_size must be divisible by num_attention_heads"),
        ({"activation": "swoosh"}, "hidden_act must be one of"),
    ],
)
def test_what_is_wrong_is_said(change, message):
    with pytest.raises(UserError, match=message):
        config_of(PUBLISHED | change)
