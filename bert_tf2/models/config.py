"""The shape of a BERT, as `bert_config.json` (Google's form) or `config.json` (Hugging Face's form) states it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError
from bert_tf2.models.config_forms import ACTIVATIONS, Form, field_values

Config = TypeVar("Config", bound="BertConfig")

# ERNIE 1.0 and 2.0 are BERTs, of other sizes and activations, unless they use task ids.
BERT_FORM = Form("BERT", "bert", "Bert", {"vocab_size": 30522, "hidden_act": "gelu_exact"}, other_model_types=("ernie",))


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT encoder (https://arxiv.org/abs/1810.04805); the defaults are BERT-Base.

    Every instance is valid: construction checks the values. The configurations of other families have these fields too, and some
    of their own.

    Raises:
      UserError: a value is outside its range; the message holds the key, the rule and the value.
    """

    form: ClassVar[Form] = BERT_FORM

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
    attention_head_size: int | None = None
    """The width of a head where it is not `hidden_size / num_attention_heads`: heads were pruned. No form of others has it."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if getattr(self, field.name) is not None or field.default is not None:
                _check_value(field, getattr(self, field.name))
        if self.attention_head_size is None and self.hidden_size % self.num_attention_heads:
            raise UserError(
                f"hidden_size must be divisible by num_attention_heads; "
                f"{self.hidden_size} % {self.num_attention_heads} = {self.hidden_size % self.num_attention_heads}"
            )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.attention_head_size or self.hidden_size // self.num_attention_heads

    @property
    def attention_width(self) -> int:
        """Width of all attention heads side by side."""
        return self.num_attention_heads * self.head_size

    @property
    def head_dropout_prob(self) -> float:
        """The dropout in front of a head."""
        return self.hidden_dropout_prob

    @property
    def twice_hidden_size(self) -> int:
        """The width of two tokens' vectors side by side."""
        return 2 * self.hidden_size

    @property
    def last_token_stands_for_input(self) -> bool:
        """Whether the vector that stands for an input is that of its last token; otherwise it is that of its first."""
        return False

    @property
    def own_blocks(self) -> int:
        """How many blocks have weights of their own: as many as there are layers, where layers share none."""
        return self.num_hidden_layers

    @property
    def embedding_width(self) -> int:
        """The width of the embeddings."""
        return self.hidden_size

    @property
    def longest_input(self) -> int:
        """How many tokens an input may have."""
        return self.max_position_embeddings

    @property
    def usual_input(self) -> int:
        """How many tokens texts are cut to where nothing says another number."""
        return self.longest_input

    @property
    def masked_lm_act(self) -> str:
        """The activation in the masked-LM head, as `ACTIVATIONS` names it."""
        return self.hidden_act

    @classmethod
    def from_json_file(cls: type[Config], path: str) -> Config:
        """Reads Google's `bert_config.json` or Hugging Face's `config.json`.

        Raises:
          UserError: the file is missing, is not JSON, or holds an unknown key or a wrong value; the message names the file.
        """
        return config_in(path, cls.from_dict)

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """Takes either form; see `config_forms`.

        Raises:
          UserError: it is another model's, a key is unknown, `vocab_size` is missing, or a value cannot be.
        """
        return cls(**field_values(values, [field.name for field in dataclasses.fields(cls)], cls.form))

    def to_dict(self) -> dict[str, Any]:
        """Google's form, with `hidden_act` as `ACTIVATIONS` names it, and `layer_norm_eps`; Hugging Face's if Google has none."""
        return self._values() if self.form.has_google_form else self.to_hugging_face_dict()

    def to_hugging_face_dict(self) -> dict[str, Any]:
        """Hugging Face's form: what `transformers.BertConfig`, or that of the family, reads."""
        activation = {"gelu": "gelu_new", "gelu_exact": "gelu"}.get(self.hidden_act, self.hidden_act)
        values = self._values() | {"hidden_act": activation}
        theirs = {field: key for key, field in self.form.keys.items()}
        return {
            "architectures": [f"{self.form.architecture}Model"],
            "model_type": self.form.model_type,
            "pad_token_id": 0,
            **{theirs.get(field, field): value for field, value in values.items() if field not in self.form.constants},
            "position_embedding_type": "absolute",
        }

    def _values(self) -> dict[str, Any]:
        """The fields, without those that say nothing."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


def config_in(path: str, read: Callable[[dict[str, Any]], Config]) -> Config:
    """What `read` makes of the JSON object in a file.

    Raises:
      UserError: the file is missing, is not JSON, or `read` raises it; the message names the file.
    """
    wanted, cure = "the configuration of an encoder", "give the bert_config.json or config.json of the model"
    value = files.read_json(files.expand(path), wanted, cure)
    if not isinstance(value, dict):
        raise UserError(f"{path}: {wanted} is a JSON object of names and values; got {_shown(value)}")
    try:
        return read(value)
    except UserError as error:
        kind = file_kinds.json_kind(value)
        if kind is not None and "num_hidden_layers" not in value:
            raise UserError(f"{path} is {kind}, not {wanted}; {cure}") from None
        raise UserError(f"{path}: {error}") from None


def _check_value(field: dataclasses.Field, value: Any) -> None:
    if field.type in (str, "str"):
        # What others may be is for their class to say.
        if field.name == "hidden_act" and value not in ACTIVATIONS:
            raise UserError(f"{field.name} must be one of {', '.join(ACTIVATIONS)}; got {_shown(value)}")
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if field.type in (int, "int", int | None, "int | None"):
        least = 0 if field.name.endswith("_id") else 1
        if not number or value != int(value) or value < least:
            raise UserError(f"{field.name} must be a whole number from {least}; got {_shown(value)}")
    elif field.name.endswith("_prob"):
        if not number or not 0 <= value < 1:
            raise UserError(f"{field.name} must be from 0 to below 1; got {_shown(value)}")
    elif not number or value <= 0:
        raise UserError(f"{field.name} must be a number above 0; got {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
