"""The shape of an ALBERT, as `albert_config.json` (Google's form) or `config.json` (Hugging Face's form) states it."""

import dataclasses
from typing import ClassVar

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.config_forms import Form

ALBERT_FORM = Form(
    "ALBERT",
    "albert",
    "Albert",
    # `gelu_new` of theirs is Google's gelu.
    {"vocab_size": 30000, "hidden_act": "gelu"},
    marks=("num_hidden_groups", "inner_group_num", "net_structure_type", "down_scale_factor"),
    # Google's program reads none of them but `inner_group_num`, and no published model has more blocks than one in a group.
    fixed={
        "inner_group_num": (1,),
        "down_scale_factor": (1,),
        "gap_size": (0,),
        "net_structure_type": (0,),
        "num_memory_blocks": (0,),
    },
    sentencepiece_tokenizer="AlbertTokenizer",
)


@dataclasses.dataclass(frozen=True)
class AlbertConfig(BertConfig):
    """The shape of an ALBERT encoder (https://arxiv.org/abs/1909.11942); the defaults are ALBERT-xxlarge, as in Google's program.

    Raises:
      UserError: a value is outside its range, or the layers cannot be shared out evenly among the groups.
    """

    form: ClassVar[Form] = ALBERT_FORM

    hidden_size: int = 4096
    num_hidden_layers: int = 12
    num_attention_heads: int = 64
    intermediate_size: int = 16384
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    embedding_size: int = 128
    num_hidden_groups: int = 1
    classifier_dropout_prob: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_hidden_layers % self.num_hidden_groups:
            layers, groups = self.num_hidden_layers, self.num_hidden_groups
            raise UserError(f"num_hidden_layers must be divisible by num_hidden_groups; {layers} % {groups} = {layers % groups}")

    @property
    def head_dropout_prob(self) -> float:
        """The dropout in front of a head, which is there also where the encoder has none."""
        return self.classifier_dropout_prob

    @property
    def own_blocks(self) -> int:
        """How many blocks have weights of their own: one for each group of layers."""
        return self.num_hidden_groups

    @property
    def embedding_width(self) -> int:
        """The width of the embeddings."""
        return self.embedding_size
