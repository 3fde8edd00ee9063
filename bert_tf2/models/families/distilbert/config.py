"""The shape of a DistilBERT, as Hugging Face's `config.json` states it."""

import dataclasses
from typing import ClassVar

from bert_tf2.models.config import BertConfig
from bert_tf2.models.config_forms import Form

DISTILBERT_FORM = Form(
    "DistilBERT",
    "distilbert",
    "DistilBert",
    {"vocab_size": 30522, "hidden_act": "gelu_exact"},
    marks=("sinusoidal_pos_embds", "seq_classif_dropout", "qa_dropout"),
    keys={
        "activation": "hidden_act",
        "attention_dropout": "attention_probs_dropout_prob",
        "dim": "hidden_size",
        "dropout": "hidden_dropout_prob",
        "hidden_dim": "intermediate_size",
        "n_heads": "num_attention_heads",
        "n_layers": "num_hidden_layers",
        "seq_classif_dropout": "classifier_dropout_prob",
    },
    constants=("layer_norm_eps", "type_vocab_size"),
    # The table of sinusoidal positions is stored as any other; `transformers` does not train it.
    fixed={"sinusoidal_pos_embds": (False,)},
    ignored=("qa_dropout", "tie_weights_"),
    google_gelu="gelu_exact",
    has_google_form=False,
)


@dataclasses.dataclass(frozen=True)
class DistilBertConfig(BertConfig):
    """The shape of a DistilBERT encoder (https://arxiv.org/abs/1910.01108); the defaults are the published model's.

    Raises:
      UserError: a value is outside its range.
    """

    form: ClassVar[Form] = DISTILBERT_FORM

    num_hidden_layers: int = 6
    classifier_dropout_prob: float = 0.2

    @property
    def head_dropout_prob(self) -> float:
        """The dropout in front of a head."""
        return self.classifier_dropout_prob
