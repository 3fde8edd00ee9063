"""The two forms of an encoder's configuration, Google's and Hugging Face's, and how it is known which model's one is."""

import dataclasses
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    "summary_last_dropout",
    "summary_type",
    "summary_use_proj",
    "suppress_tokens",
    "task_specific_params",
    "task_type_vocab_size",
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
    "the older Chinese ALBERT": ("ln_type",),
    "ALBERT": ("num_hidden_groups", "inner_group_num", "net_structure_type", "down_scale_factor"),
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


@dataclasses.dataclass(frozen=True)
class Form:
    """What the configurations of a family of encoders look like.

    Attributes:
      title: what a person calls the family.
      model_type: what Hugging Face's files call it.
      architecture: what the names of its classes in `transformers` begin with.
      hugging_face_defaults: what is meant where Hugging Face's form leaves a field out, unless it is the class's default.
      marks: keys that no other family's files hold.
      sentencepiece_tokenizer: the class in `transformers` of its SentencePiece tokenizer; None where it has none.
      other_model_types: what Hugging Face's files call models that are none but in name.
      class_endings: by kinds of models (`hugging_face.write_hugging_face`) what the names of its classes in `transformers` end
        with, where it is otherwise than in BERT's.
      fixed: keys that would change the network, with the values under which they do not.
      keys: fields by what Hugging Face's files call them, where that is otherwise.
      constants: fields that no file holds.
      ignored: keys of theirs that change nothing here.
      google_gelu: what Google's code of the family means by `gelu`.
      has_google_form: whether there are files of Google's form, which then is the one that is written.
      has_narrow_embeddings: whether a file with narrow embeddings and none of the marks is of this family.
    """

    title: str
    model_type: str
    architecture: str
    hugging_face_defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    marks: tuple[str, ...] = ()
    fixed: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    sentencepiece_tokenizer: str | None = None
    other_model_types: tuple[str, ...] = ()
    class_endings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    keys: Mapping[str, str] = dataclasses.field(default_factory=dict)
    constants: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    google_gelu: str = "gelu"
    has_google_form: bool = True
    has_narrow_embeddings: bool = False

    @property
    def model_types(self) -> tuple[str, ...]:
        """All that Hugging Face's files call its models, its own name first."""
        return (self.model_type, *self.other_model_types)

    def written(self, fields: Iterable[str]) -> list[str]:
        """What files call the fields that they hold."""
        theirs = {field: key for key, field in self.keys.items()}
        return [theirs.get(field, field) for field in fields if field not in self.constants]


def model_named_in(values: Mapping[str, Any], forms: Sequence[Form]) -> tuple[str, str]:
    """Which model a configuration is of: what a person calls it, and by what that is known; BERT where nothing says otherwise.

    Args:
      values: the JSON object.
      forms: of the families that are known here.
    """
    known = {model_type: form.title for form in forms for model_type in form.model_types}
    model_type = values.get("model_type")
    if isinstance(model_type, str) and model_type in known:
        return known[model_type], f"model_type: {model_type}"
    marks = _FAMILIES | {form.title: form.marks for form in forms if form.marks}
    found = _marked(values, marks, ())
    if found is None and isinstance(model_type, str):
        return model_type, f"model_type: {model_type}"
    return found or _built(values, forms) or _narrow(values, forms) or ("BERT", "")


def _marked(values: Mapping[str, Any], marks: Mapping[str, Sequence[str]], known: Collection[str]) -> tuple[str, str] | None:
    """The model that keys of its own tell, and these keys; those in `known` tell nothing."""
    for title, keys in marks.items():
        found = [key for key in keys if key in values and key not in known]
        if found:
            return title, f"it holds {', '.join(found)}"
    return None


def _built(values: Mapping[str, Any], forms: Sequence[Form]) -> tuple[str, str] | None:
    """The model whose class is named; a class of somebody's own, such as `MyClassifier`, tells nothing."""
    architectures = values.get("architectures")
    of_forms = sorted(((form.architecture, form.title) for form in forms), key=lambda entry: -len(entry[0]))
    for architecture in architectures if isinstance(architectures, list) else ():
        name = str(architecture).removeprefix("TF").removeprefix("Flax")
        for beginning, title in (*_ARCHITECTURES.items(), *of_forms):
            if name.startswith(beginning) and title != "BERT":
                return title, f"architectures: {architecture}"
            if name.startswith(beginning):
                break
    return None


def _narrow(values: Mapping[str, Any], forms: Sequence[Form]) -> tuple[str, str] | None:
    """The model that has embeddings narrower than its blocks and nothing else that would tell it."""
    width = values.get("embedding_size")
    if width is None or width == values.get("hidden_size"):
        return None
    return next(((form.title, f"embedding_size: {_shown(width)}") for form in forms if form.has_narrow_embeddings), None)


def field_values(values: Mapping[str, Any], fields: Sequence[str], form: Form) -> dict[str, Any]:
    """The fields of an encoder from a configuration in either form, with `hidden_act` as `ACTIVATIONS` names it.

    Args:
      values: the JSON object.
      fields: what an encoder's configuration holds.
      form: of the family.

    Raises:
      UserError: it is another model's, a key is not known, or one has a value that changes the network.
    """
    _refuse_other_models(values, fields, form)
    values = {form.keys.get(key, key): value for key, value in values.items() if key not in form.ignored}
    return (_from_hugging_face if is_hugging_face(values) else _from_google)(values, fields, form)


def is_hugging_face(values: Mapping[str, Any]) -> bool:
    """Whether a configuration is of Hugging Face's form, of whatever version; `gelu` has another meaning there."""
    return not _HUGGING_FACE_MARKS.isdisjoint(values)


def _refuse_other_models(values: Mapping[str, Any], fields: Sequence[str], form: Form) -> None:
    found = _marked(values, _FAMILIES, {*fields, *form.fixed, *form.marks})
    if found is None and values.get("model_type") is None:
        found = _built(values, [form])
    if found is not None and found[0] != form.title:
        raise UserError(
            f"this is the configuration of another model, {found[0]} ({found[1]}), not of {form.title}: give the configuration "
            "that belongs to the checkpoint"
        )
    if isinstance(values.get("auto_map"), dict) and any(not key.startswith("AutoTokenizer") for key in values["auto_map"]):
        raise UserError(f"auto_map says that this model's code comes with it; only {form.title}'s own network is known here")


def _from_google(values: Mapping[str, Any], fields: Sequence[str], form: Form) -> dict[str, Any]:
    known = {*fields, *_GOOGLE_BOOKKEEPING, *form.fixed, "embedding_size"}
    for key in values:
        if key not in known:
            written = form.written(fields)
            hint = did_you_mean(key, [*written, *_HUGGING_FACE_REQUIRED])
            raise UserError(f"unknown key '{key}'.{hint} The keys that matter are {', '.join(written)}")
    _require_values(values, form.fixed, form)
    _require_vocab_size(values)
    _refuse_factorised_embeddings(values, fields)
    # The garden's own class defaults to 16 token types; files written by it always hold the key, so the default is BERT's 2.
    return _kept(values, fields, _GOOGLE_ACTIVATIONS | {"gelu": form.google_gelu})


def _from_hugging_face(values: Mapping[str, Any], fields: Sequence[str], form: Form) -> dict[str, Any]:
    required = {"model_type": form.model_types, **_HUGGING_FACE_REQUIRED, **form.fixed}
    _require_values(values, required, form)
    _require_vocab_size(values)
    _refuse_factorised_embeddings(values, fields)
    known = {*fields, *_HUGGING_FACE_BOOKKEEPING, *required, *_GOOGLE_BOOKKEEPING, "auto_map", "embedding_size"}
    unknown = [key for key in values if key not in known]
    for key in unknown:
        written = form.written(fields)
        hint = did_you_mean(key, written, cutoff=0.75)
        if hint:
            raise UserError(f"unknown key '{key}'.{hint} The keys that matter are {', '.join(written)}")
    if unknown:
        # People put notes of their own into these files; transformers' own BERT reads none of them.
        shown = ", ".join(map(repr, unknown))
        logger.warning("the configuration's keys %s are not %s encoder's and are not read", shown, _with_article(form.title))
    return {**form.hugging_face_defaults} | _kept(values, fields, _HUGGING_FACE_ACTIVATIONS)


def _require_values(values: Mapping[str, Any], required: Mapping[str, tuple[Any, ...]], form: Form) -> None:
    for key, accepted in required.items():
        if key in values and values[key] not in accepted:
            what = _with_article(form.title)
            raise UserError(f"{key} must be {_shown(accepted[0])} (this is {what} encoder); got {_shown(values[key])}")


def _with_article(title: str) -> str:
    return f"{'an' if title[0] in 'AEIOUX' else 'a'} {title}"


def _require_vocab_size(values: Mapping[str, Any]) -> None:
    # Later versions of transformers write only what differs from the defaults, and always the model's type.
    if "vocab_size" not in values and "model_type" not in values:
        raise UserError("vocab_size is missing: the number of entries of the vocabulary, for example 30522")


def _refuse_factorised_embeddings(values: Mapping[str, Any], fields: Sequence[str]) -> None:
    if "embedding_size" not in fields and values.get("embedding_size") not in (None, values.get("hidden_size", 768)):
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
