"""The shape of a RoBERTa, as Hugging Face's `config.json` states it."""

import dataclasses
from typing import ClassVar

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.config_forms import Form

ROBERTA_FORM = Form(
    "RoBERTa",
    "roberta",
    "Roberta",
    {"vocab_size": 50265, "hidden_act": "gelu_exact"},
    google_gelu="gelu_exact",
    has_google_form=False,
)


@dataclasses.dataclass(frozen=True)
class RobertaConfig(BertConfig):
    """The shape of a RoBERTa encoder (https://arxiv.org/abs/1907.11692); the defaults are those of `transformers`.

    Raises:
      UserError: a value is outside its range, or there is no position for a token.
    """

    form: ClassVar[Form] = ROBERTA_FORM

    pad_token_id: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.longest_input < 1:
            raise UserError(
                f"max_position_embeddings must be above pad_token_id + 1, where RoBERTa's positions begin; "
                f"got {self.max_position_embeddings} and pad_token_id {self.pad_token_id}"
            )

    @property
    def first_position(self) -> int:
        """The row of the first token in the table of positions: those up to the padding's own are for none."""
        return self.pad_token_id + 1

    @property
    def longest_input(self) -> int:
        """How many tokens an input may have."""
        return self.max_position_embeddings - self.first_position

    @property
    def masked_lm_act(self) -> str:
        """The activation in the masked-LM head, which is the same whatever that of the blocks is."""
        return "gelu_exact"
