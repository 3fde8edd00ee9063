"""The shape of a BERT, as `bert_config.json` (Google's form) or `config.json` (Hugging Face's form) states it."""

import dataclasses
import math
from typing import Any

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError
from bert_tf2.models.config_forms import ACTIVATIONS, field_values


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT encoder (https://arxiv.org/abs/1810.04805); the defaults are BERT-Base.

    Every instance is valid: construction checks the values.

    Raises:
      UserError: a value is outside its range; the message holds the key, the rule and the value.
    """

    vocab_size: int
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_value(field, getattr(self, field.name))
        if self.hidden_size % self.num_attention_heads:
            raise UserError(
                f"hidden_size must be divisible by num_attention_heads; "
                f"{self.hidden_size} % {self.num_attention_heads} = {self.hidden_size % self.num_attention_heads}"
            )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def from_json_file(cls, path: str) -> "BertConfig":
        """Reads Google's `bert_config.json` or Hugging Face's `config.json`.

        Raises:
          UserError: the file is missing, is not JSON, or holds an unknown key or a wrong value; the message names the file.
        """
        wanted, cure = "a BERT configuration", "give the bert_config.json or config.json of the model"
        value = files.read_json(files.expand(path), wanted, cure)
        if not isinstance(value, dict):
            raise UserError(f"{path}: a BERT configuration is a JSON object of names and values; got {_shown(value)}")
        try:
            return cls.from_dict(value)
        except UserError as error:
            kind = file_kinds.json_kind(value)
            if kind is not None and "num_hidden_layers" not in value:
                raise UserError(f"{path} is {kind}, not {wanted}; {cure}") from None
            raise UserError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "BertConfig":
        """Takes either form; see `config_forms`.

        Raises:
          UserError: it is another model's, a key is unknown, `vocab_size` is missing, or a value cannot be.
        """
        return cls(**field_values(values, [field.name for field in dataclasses.fields(cls)]))

    def to_dict(self) -> dict[str, Any]:
        """Google's form, with `hidden_act` as `ACTIVATIONS` names it, and `layer_norm_eps`."""
        return dataclasses.asdict(self)

    def to_hugging_face_dict(self) -> dict[str, Any]:
        """Hugging Face's form: what `transformers.BertConfig` reads."""
        activation = {"gelu": "gelu_new", "gelu_exact": "gelu"}.get(self.hidden_act, self.hidden_act)
        return {
            "architectures": ["BertModel"],
            "model_type": "bert",
            **self.to_dict(),
            "hidden_act": activation,
            "pad_token_id": 0,
            "position_embedding_type": "absolute",
        }


def _check_value(field: dataclasses.Field, value: Any) -> None:
    if field.type is str or field.type == "str":
        if value not in ACTIVATIONS:
            raise UserError(f"{field.name} must be one of {', '.join(ACTIVATIONS)}; got {_shown(value)}")
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if field.type in (int, "int"):
        if not number or value != int(value) or value < 1:
            raise UserError(f"{field.name} must be a whole number from 1; got {_shown(value)}")
    elif field.name.endswith("_prob"):
        if not number or not 0 <= value < 1:
            raise UserError(f"{field.name} must be from 0 to below 1; got {_shown(value)}")
    elif not number or value <= 0:
        raise UserError(f"{field.name} must be a number above 0; got {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
