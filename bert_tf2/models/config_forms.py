"""The two forms of a BERT configuration, Google's and Hugging Face's, and how other models' configurations are known."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf2.errors import UserError, did_you_mean

logger = logging.getLogger(__name__)

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

# Keys of Google's files that change nothing here: TF1 wrote some of them for the pooler of later models, and they live on in
# Hugging Face's Chinese and multilingual ones; the model garden writes `backward_compatible`. Any value is accepted.
_GOOGLE_BOOKKEEPING = {
    "backward_compatible",
    "directionality",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
}
# By these a file is known to be of Hugging Face's form: transformers 1.x wrote neither `model_type` nor `architectures`.
_HUGGING_FACE_MARKS = {
    "_name_or_path",
    "architectures",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "is_decoder",
    "label2id",
    "model_type",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "pad_token_id",
    "position_embedding_type",
    "pruned_heads",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_cache",
    "xla_device",
}
# Keys of Hugging Face's files about the program, the tokenizer, a head or generation, from every version of transformers.
_HUGGING_FACE_BOOKKEEPING = _HUGGING_FACE_MARKS | {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_attn_implementation_internal",
    "_commit_hash",
    "_num_labels",
    "attn_implementation",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "eos_token_ids",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "language",
    "length_penalty",
    "max_length",
    "min_length",
    "model_max_length",
    "name",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "summary_activation",
    "summary_first_dropout",
    "summary_type",
    "summary_use_proj",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tie_word_embeddings",
    "tokenizer_class",
    "top_k",
    "top_p",
    "typical_p",
    "use_bfloat16",
}
# Hugging Face keys that would change the network, with the values under which they do not.
_HUGGING_FACE_REQUIRED: dict[str, tuple[Any, ...]] = {
    "model_type": ("bert",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "pruned_heads": ({}, [], None),
    "use_task_id": (False, None),
    "quantization_config": (None,),
}
# Other models by what only their configurations hold. `embedding_size` is none of it: it may equal the hidden size.
_FAMILIES = {
    "ALBERT": ("num_hidden_groups", "inner_group_num", "net_structure_type", "down_scale_factor", "ln_type"),
    "DistilBERT": ("sinusoidal_pos_embds", "seq_classif_dropout", "qa_dropout"),
    "XLNet": ("untie_r", "d_head", "ff_activation"),
    "MobileBERT": ("intra_bottleneck_size", "true_hidden_size", "use_bottleneck"),
    "DeBERTa": ("relative_attention", "pos_att_type", "c2p"),
    "Longformer": ("attention_window",),
    "GPT-2": ("n_embd", "n_ctx"),
    "T5": ("d_kv", "relative_attention_num_buckets"),
    "BART": ("encoder_layers", "decoder_layers", "decoder_ffn_dim"),
}
# Architectures begin with the model's name; of the names that begin alike the longer one stands first.
_ARCHITECTURES = {
    "BertGeneration": "BERT for generation",
    "Bert": "BERT",
    "Albert": "ALBERT",
    "Roberta": "RoBERTa",
    "XLMRoberta": "XLM-RoBERTa",
    "Camembert": "CamemBERT",
    "DistilBert": "DistilBERT",
    "Electra": "ELECTRA",
    "XLNet": "XLNet",
    "MobileBert": "MobileBERT",
    "Deberta": "DeBERTa",
    "Longformer": "Longformer",
    "MPNet": "MPNet",
    "ModernBert": "ModernBERT",
    "RoFormer": "RoFormer",
    "GPT2": "GPT-2",
    "T5": "T5",
    "Bart": "BART",
}


def field_values(values: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The fields of a BERT encoder from a configuration in either form, with `hidden_act` as `ACTIVATIONS` names it.

    Args:
      values: the JSON object.
      fields: what an encoder's configuration holds.

    Raises:
      UserError: it is another model's, a key is not known, or one has a value that changes the network.
    """
    _refuse_other_models(values)
    return _from_hugging_face(values, fields) if is_hugging_face(values) else _from_google(values, fields)


def is_hugging_face(values: Mapping[str, Any]) -> bool:
    """Whether a configuration is of Hugging Face's form, of whatever version; `gelu` has another meaning there."""
    return not _HUGGING_FACE_MARKS.isdisjoint(values)


def _refuse_other_models(values: Mapping[str, Any]) -> None:
    for family, keys in _FAMILIES.items():
        found = [key for key in keys if key in values]
        if found:
            raise _other_model(family, f"it holds {', '.join(found)}")
    model_type, architectures = values.get("model_type"), values.get("architectures")
    if model_type is None and isinstance(architectures, list):
        for architecture in filter(lambda name: isinstance(name, str), architectures):
            family = _family_of(architecture)
            if family != "BERT":
                raise _other_model(family, f"architectures: {architecture}")
    if isinstance(values.get("auto_map"), dict) and any(not key.startswith("AutoTokenizer") for key in values["auto_map"]):
        raise UserError("auto_map says that this model's code comes with it; only BERT's own network is known here")


def _family_of(architecture: str) -> str:
    name = architecture.removeprefix("TF").removeprefix("Flax")
    # A class of somebody's own, such as `MyClassifier`, tells nothing.
    return next((family for start, family in _ARCHITECTURES.items() if name.startswith(start)), "BERT")


def _other_model(family: str, why: str) -> UserError:
    return UserError(
        f"this is the configuration of another model, {family} ({why}); only BERT encoders are known here: "
        "give a BERT's configuration with its checkpoint"
    )


def _from_google(values: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    known = {*fields, *_GOOGLE_BOOKKEEPING, "embedding_size"}
    for key in values:
        if key not in known:
            hint = did_you_mean(key, [*fields, *_HUGGING_FACE_REQUIRED])
            raise UserError(f"unknown key '{key}'.{hint} The keys that matter are {', '.join(fields)}")
    _require_vocab_size(values)
    _refuse_factorised_embeddings(values)
    # The garden's own class defaults to 16 token types; files written by it always hold the key, so the default is BERT's 2.
    return _kept(values, fields, _GOOGLE_ACTIVATIONS)


def _from_hugging_face(values: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    for key, accepted in _HUGGING_FACE_REQUIRED.items():
        if key in values and values[key] not in accepted:
            raise UserError(f"{key} must be {_shown(accepted[0])} (this is a BERT encoder); got {_shown(values[key])}")
    _require_vocab_size(values)
    _refuse_factorised_embeddings(values)
    known = {*fields, *_HUGGING_FACE_BOOKKEEPING, *_HUGGING_FACE_REQUIRED, *_GOOGLE_BOOKKEEPING, "auto_map", "embedding_size"}
    unknown = [key for key in values if key not in known]
    for key in unknown:
        hint = did_you_mean(key, fields, cutoff=0.75)
        if hint:
            raise UserError(f"unknown key '{key}'.{hint} The keys that matter are {', '.join(fields)}")
    if unknown:
        # People put notes of their own into these files; transformers' own BERT reads none of them.
        logger.warning("the configuration's keys %s are not a BERT encoder's and are not read", ", ".join(map(repr, unknown)))
    return {"vocab_size": 30522, "hidden_act": "gelu_exact"} | _kept(values, fields, _HUGGING_FACE_ACTIVATIONS)


def _require_vocab_size(values: Mapping[str, Any]) -> None:
    # Later versions of transformers write only what differs from the defaults, and always the model's type.
    if "vocab_size" not in values and "model_type" not in values:
        raise UserError("vocab_size is missing: the number of entries of the vocabulary, for example 30522")


def _refuse_factorised_embeddings(values: Mapping[str, Any]) -> None:
    if values.get("embedding_size") not in (None, values.get("hidden_size", 768)):
        raise UserError(
            f"embedding_size must be absent or equal hidden_size (factorised embeddings are ALBERT's and ELECTRA's, not BERT's); "
            f"got {_shown(values['embedding_size'])}"
        )


def _kept(values: Mapping[str, Any], fields: Sequence[str], activations: Mapping[str, str]) -> dict[str, Any]:
    kept = {name: values[name] for name in fields if name in values}
    if "hidden_act" in kept:
        kept["hidden_act"] = _activation(kept["hidden_act"], activations)
    return kept


def _activation(name: Any, names: Mapping[str, str]) -> str:
    if isinstance(name, str) and name.lower() in names:
        return names[name.lower()]
    raise UserError(f"hidden_act must be one of {', '.join(names)}; got {_shown(name)}.{did_you_mean(str(name), names)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
