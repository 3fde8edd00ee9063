"""The shape of an XLNet, as `xlnet_config.json` (Google's form) or `config.json` (Hugging Face's form) states it."""

import dataclasses
import sys
from typing import Any, ClassVar

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig, Config
from bert_tf2.models.config_forms import Form

XLNET_FORM = Form(
    "XLNet",
    "xlnet",
    "XLNet",
    {"vocab_size": 32000, "hidden_act": "gelu_exact"},
    marks=("untie_r", "d_head", "ff_activation"),
    # Of fields with two names that which is written stands last.
    keys={
        "n_token": "vocab_size",
        "vocab_size": "vocab_size",
        "d_model": "hidden_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "d_inner": "intermediate_size",
        "ff_activation": "hidden_act",
        "dropout": "hidden_dropout_prob",
        "dropatt": "attention_probs_dropout_prob",
        "summary_last_dropout": "classifier_dropout_prob",
    },
    constants=("max_position_embeddings", "type_vocab_size"),
    fixed={
        "untie_r": (True,),
        "attn_type": ("bi",),
        "bi_data": (False,),
        "clamp_len": (-1, None),
        "summary_type": ("last",),
        "summary_use_proj": (True,),
        "summary_activation": ("tanh",),
    },
    # Of what came before the input, which there is nothing of here, and of other heads.
    ignored=(
        "mem_len",
        "reuse_len",
        "same_length",
        "use_mems",
        "use_mems_eval",
        "use_mems_train",
        "start_n_top",
        "end_n_top",
    ),
    sentencepiece_tokenizer="XLNetTokenizer",
    class_endings={"span": "ForQuestionAnsweringSimple", "start_conditioned": "ForQuestionAnswering"},
    has_google_form=False,
)


@dataclasses.dataclass(frozen=True)
class XLNetConfig(BertConfig):
    """The shape of an XLNet encoder (https://arxiv.org/abs/1906.08237); the defaults are XLNet-Large, as in `transformers`.

    There are no positions but relative ones, so an input may be of any length; and of segments only whether two tokens are of
    the same one.

    Raises:
      UserError: a value is outside its range.
    """

    form: ClassVar[Form] = XLNET_FORM

    hidden_size: int = 1024
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    intermediate_size: int = 4096
    # As the original numbers them: the texts, `<cls>`, `<sep>` (which it does not use) and padding.
    type_vocab_size: int = 5
    classifier_dropout_prob: float = 0.1

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """As `BertConfig.from_dict`. Without `dropatt`, which is ours, attention has the dropout of the rest, as there.

        Raises:
          UserError: as there; or the heads do not share the width evenly.
        """
        values = dict(values)
        head = values.pop("d_head", None)
        if "dropout" in values:
            values.setdefault("dropatt", values["dropout"])
        config = super().from_dict(values)
        if head not in (None, config.head_size):
            raise UserError(
                f"d_head must be d_model / n_head = {config.hidden_size} / {config.num_attention_heads} = {config.head_size}; "
                f"got {head!r}"
            )
        return config

    @property
    def head_dropout_prob(self) -> float:
        """The dropout in front of a head."""
        return self.classifier_dropout_prob

    @property
    def last_token_stands_for_input(self) -> bool:
        """That of `<cls>`."""
        return True

    @property
    def longest_input(self) -> int:
        """How many tokens an input may have: nothing limits it but memory."""
        return sys.maxsize

    @property
    def usual_input(self) -> int:
        """How many tokens texts are cut to where nothing says another number: as many as in its pre-training."""
        return 512

    @property
    def segment_relations(self) -> int:
        """How two tokens' segments may be to each other: the same, or different ones."""
        return 2

    @property
    def mask_vectors(self) -> int:
        """How many vectors stand for a token to guess, which pre-training alone has."""
        return 1

    def to_hugging_face_dict(self) -> dict[str, Any]:
        """What `transformers.XLNetConfig` reads."""
        values = super().to_hugging_face_dict()
        del values["position_embedding_type"]
        fixed = {key: accepted[0] for key, accepted in self.form.fixed.items()}
        return values | {"pad_token_id": 5, "d_head": self.head_size, "mem_len": None, **fixed}
