"""The shape of an ELECTRA, as Hugging Face's `config.json` states it, or the files of Google's form that Chinese models have."""

import dataclasses
from typing import ClassVar

from bert_tf2.models.config import BertConfig
from bert_tf2.models.config_forms import Form

ELECTRA_FORM = Form(
    "ELECTRA",
    "electra",
    "Electra",
    {"vocab_size": 30522, "hidden_act": "gelu_exact"},
    # Google's own release has no file; its code has the error function.
    google_gelu="gelu_exact",
    has_google_form=False,
    has_narrow_embeddings=True,
)


@dataclasses.dataclass(frozen=True)
class ElectraConfig(BertConfig):
    """The shape of an ELECTRA encoder (https://arxiv.org/abs/2003.10555); the defaults are ELECTRA-Small's discriminator.

    Raises:
      UserError: a value is outside its range.
    """

    form: ClassVar[Form] = ELECTRA_FORM

    hidden_size: int = 256
    num_attention_heads: int = 4
    intermediate_size: int = 1024
    embedding_size: int = 128

    @property
    def embedding_width(self) -> int:
        """The width of the embeddings."""
        return self.embedding_size

    @property
    def masked_lm_act(self) -> str:
        """The activation in the masked-LM head of the generator, which is the same whatever that of the blocks is."""
        return "gelu_exact"
