"""The shape of a BERT, as `bert_config.json` (Google's form) or `config.json` (Hugging Face's form) states it."""

import dataclasses
import math
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError, did_you_mean

ACTIVATIONS = ("gelu", "gelu_exact", "relu", "silu", "tanh", "linear")
"""What `hidden_act` may be: `gelu` is the tanh approximation, as in Google's code; `gelu_exact` is x * Phi(x)."""

_GOOGLE_ACTIVATIONS = {name: name for name in ACTIVATIONS} | {"swish": "silu"}
_HUGGING_FACE_ACTIVATIONS = {
    "gelu": "gelu_exact",
    "gelu_python": "gelu_exact",
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
    "linear": "linear",
}

# Keys of Google's files that change nothing here: TF1 wrote some of them for the pooler of later models, the model garden
# writes `backward_compatible`. Any value is accepted.
_GOOGLE_BOOKKEEPING = {
    "backward_compatible",
    "directionality",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
}
# Keys of Hugging Face's files about the program, the tokenizer or generation.
_HUGGING_FACE_BOOKKEEPING = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "_num_labels",
    "architectures",
    "bos_token_id",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "dtype",
    "eos_token_id",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "label2id",
    "model_max_length",
    "model_type",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "pad_token_id",
    "position_embedding_type",
    "problem_type",
    "return_dict",
    "sep_token_id",
    "summary_activation",
    "summary_first_dropout",
    "summary_type",
    "summary_use_proj",
    "tie_word_embeddings",
    "torch_dtype",
    "transformers_version",
    "use_cache",
}
# Hugging Face keys that would change the network, with the values under which they do not.
_HUGGING_FACE_REQUIRED = {
    "model_type": ("bert",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "pruned_heads": ({}, None),
}
_HUGGING_FACE_MARKS = ("model_type", "architectures", "transformers_version", "_name_or_path")


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

    def __post_init__(self):
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
        value = files.read_json(files.expand(path))
        if not isinstance(value, dict):
            raise UserError(f"{path}: a BERT configuration is a JSON object of names and values; got {_shown(value)}")
        try:
            return cls.from_dict(value)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "BertConfig":
        """Takes either form; Hugging Face's is known by `model_type`, `architectures` or `transformers_version`.

        Raises:
          UserError: a key is unknown, `vocab_size` is missing, or a value cannot be.
        """
        if any(mark in values for mark in _HUGGING_FACE_MARKS):
            return cls(**_from_hugging_face(values))
        return cls(**_from_google(values))

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


def _from_google(values: dict[str, Any]) -> dict[str, Any]:
    fields = [field.name for field in dataclasses.fields(BertConfig)]
    known = [*fields, *sorted(_GOOGLE_BOOKKEEPING), "embedding_size"]
    _refuse_unknown(values, known)
    if values.get("embedding_size") not in (None, values.get("hidden_size", 768)):
        raise UserError(
            f"embedding_size must be absent or equal hidden_size (factorised embeddings are ALBERT's, not BERT's); "
            f"got {_shown(values['embedding_size'])}"
        )
    kept = {name: values[name] for name in fields if name in values}
    # The garden's own class defaults to 16 token types; files written by it always hold the key, so the default is BERT's 2.
    if "hidden_act" in kept:
        kept["hidden_act"] = _activation(kept["hidden_act"], _GOOGLE_ACTIVATIONS)
    return kept


def _from_hugging_face(values: dict[str, Any]) -> dict[str, Any]:
    for key, accepted in _HUGGING_FACE_REQUIRED.items():
        if key in values and values[key] not in accepted:
            raise UserError(f"{key} must be {_shown(accepted[0])} (this is a BERT encoder); got {_shown(values[key])}")
    fields = [field.name for field in dataclasses.fields(BertConfig)]
    _refuse_unknown(values, [*fields, *sorted(_HUGGING_FACE_BOOKKEEPING), *_HUGGING_FACE_REQUIRED])
    kept = {name: values[name] for name in fields if name in values}
    kept.setdefault("vocab_size", 30522)
    kept["hidden_act"] = _activation(kept.get("hidden_act", "gelu"), _HUGGING_FACE_ACTIVATIONS)
    return kept


def _refuse_unknown(values: dict[str, Any], known: list[str]) -> None:
    for key in values:
        if key not in known:
            fields = ", ".join(field.name for field in dataclasses.fields(BertConfig))
            raise UserError(f"unknown key '{key}'.{did_you_mean(key, known)} The keys that matter are {fields}")
    if "vocab_size" not in values and "model_type" not in values:
        raise UserError("vocab_size is missing: the number of entries of the vocabulary, for example 30522")


def _activation(name: Any, names: dict[str, str]) -> str:
    if isinstance(name, str) and name.lower() in names:
        return names[name.lower()]
    raise UserError(f"hidden_act must be one of {', '.join(names)}; got {_shown(name)}.{did_you_mean(str(name), names)}")


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
