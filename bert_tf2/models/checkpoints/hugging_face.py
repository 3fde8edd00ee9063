"""Hugging Face folders: `config.json` and `model.safetensors`, whole or in shards."""

import functools
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import safetensors_file
from bert_tf2.models.checkpoints.source import Source, StoredTensor, in_table_order, no_encoder
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families import names
from bert_tf2.models.families.base import Family, families, family_of, read_config
from bert_tf2.text.tokenizer_files import tokenizer_files

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"

# What may stand before the encoder's names besides the family's own. RoBERTa's and ELECTRA's names are BERT's but for this.
_PREFIXES = ("0", "model", "module", "auto_model", "encoder")
# Tensors that follow from others: a buffer of position numbers, and the word embeddings once more as the output matrix.
_DERIVED = (
    "embeddings.position_ids",
    "predictions.decoder.weight",
    "predictions.decoder.bias",
    "lm_head.decoder.weight",
    "lm_head.decoder.bias",
    "lm_loss.weight",
    "generator_lm_head.weight",
    "vocab_projector.weight",
)


def open_hugging_face(path: str, family: Family | None = None) -> Source:
    """Reads the table of a folder's weights, of a safetensors file or of the index of its shards.

    Args:
      path: of one of them.
      family: what the encoder is, of those that it may be; None for the first of them.

    Raises:
      UserError: a file is missing or damaged, the model is of another kind, or there is no encoder of a known family.
    """
    if os.path.isdir(path):
        path = os.path.join(path, INDEX if os.path.isfile(os.path.join(path, INDEX)) else WEIGHTS)
    entries = _sharded(path) if path.endswith(".json") else safetensors_file.read_entries(path)
    known = families.all()
    words = {family.weights.embeddings[0].hugging_face for family in known} - {""}
    prefixes = sorted((name.removesuffix(end) for name in entries for end in words if name.endswith(end)), key=len)
    usual = (*_PREFIXES, *(prefix.removesuffix(".") for family in known for prefix in family.weights.prefixes))
    prefixes = [prefix for prefix in prefixes if set(prefix.split(".")[:-1]) <= set(usual)]
    if not prefixes:
        raise no_encoder(path, list(entries))
    config = _config_beside(path)
    best = _families_in(entries, prefixes[0], config)
    family = family or best[0]
    stored = _stored_names(entries, prefixes[0], family)
    tensors = {
        weight.name: _tensor(stored[weight], entries[stored[weight]]) for weight in stored if entries[stored[weight]].is_floating
    }
    if not family.weights.blocks_in({name: tensor.shape for name, tensor in tensors.items()}):
        raise no_encoder(path, list(entries))
    for weight in stored:
        if weight.transposed and weight.name in tensors:
            tensors[weight.name] = _transposed(tensors[weight.name])
    unused = sorted(set(entries) - set(stored.values()) - {name for name in entries if name.endswith(_DERIVED)})
    heads = config.num_attention_heads if config is not None else None
    tensors = in_table_order(tensors, family)
    others = {other.name: functools.partial(open_hugging_face, path, other) for other in best if other is not family}
    return Source("huggingface", path, tensors, unused, num_attention_heads=heads, family=family, reopened=others)


def _families_in(entries: dict[str, safetensors_file.Entry], prefix: str, config: BertConfig | None) -> list[Family]:
    """The families whose weights explain the most of the file.

    The name that stands before the encoder's tells it, and the configuration beside it; where neither is there the encoders of
    some families look alike.
    """
    ranks = {}
    for family in families.all():
        if family.weights.hugging_face is None:
            continue
        stored = _stored_names(entries, prefix, family)
        blocks = family.weights.blocks_in({weight.name: () for weight in stored})
        named = any(prefix.endswith(own) for own in family.weights.prefixes)
        configured = config is not None and family_of(config).name == family.name
        ranks[family.name] = (*family.weights.rank({weight.name for weight in stored}, blocks), named, configured)
    return [family for family in families.all() if ranks.get(family.name) == max(ranks.values())]


def _stored_names(entries: dict[str, safetensors_file.Entry], prefix: str, family: Family) -> dict[names.Weight, str]:
    """Which tensor of the file holds which weight, if the encoder is of this family."""
    table, blocks, stored = family.weights, 0, {}
    while any(f"{prefix}{weight.hugging_face}" in entries for weight in table.block(blocks)):
        blocks += 1
    # Heads lie beside the encoder: `cls.…` where the encoder is `bert.…`.
    own = next((own for own in table.prefixes if prefix.endswith(own)), "")
    outer = prefix.removesuffix(own)
    for weights, start in ((table.encoder(blocks), prefix), (table.heads(), outer)):
        for weight in weights:
            usual = (weight.hugging_face, _old_name(weight.hugging_face), *weight.copies) if weight.hugging_face else ()
            for name in (*(outer + name for name in table.names_beside(weight)), *(start + name for name in usual)):
                if name in entries:
                    stored[weight] = name
                    break
    return stored


def _old_name(name: str) -> str:
    """The names of layer normalisation until 2019."""
    return re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", name))


def _tensor(stored_name: str, entry: safetensors_file.Entry) -> StoredTensor:
    return StoredTensor(stored_name, entry.shape, entry.read_float32)


def _transposed(tensor: StoredTensor) -> StoredTensor:
    return StoredTensor(tensor.stored_name, tensor.shape[::-1], lambda: np.ascontiguousarray(tensor.read().T))


def _sharded(index_path: str) -> dict[str, safetensors_file.Entry]:
    """The entries of all shards that an index names."""
    index = files.read_json(index_path)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise UserError(f"{index_path}: not the index of a sharded model (no 'weight_map')")
    directory = os.path.dirname(index_path)
    entries: dict[str, safetensors_file.Entry] = {}
    for shard in sorted(set(weight_map.values())):
        path = os.path.join(directory, shard)
        if os.path.basename(shard) != shard or not os.path.isfile(path):
            raise UserError(f"{index_path} names the file {shard!r}, which is not beside it")
        entries |= {name: entry for name, entry in safetensors_file.read_entries(path).items() if weight_map.get(name) == shard}
    absent = sorted(set(weight_map) - set(entries))
    if absent:
        raise UserError(f"{index_path} promises {absent[0]} in {weight_map[absent[0]]}, which does not hold it")
    return entries


def _config_beside(path: str) -> BertConfig | None:
    """The folder's config.json: the weights alone tell neither the number of attention heads nor, always, the family.

    Raises:
      UserError: the configuration is of another kind of model.
    """
    config = os.path.join(os.path.dirname(path), CONFIG)
    return read_config(config) if os.path.isfile(config) else None


# Behind the family's own word, as in `BertModel`.
_ARCHITECTURES = {
    "encoder": "Model",
    "pretrainer": "ForPreTraining",
    "discriminator": "ForPreTraining",
    "classifier": "ForSequenceClassification",
    "span": "ForQuestionAnswering",
    "tagger": "ForTokenClassification",
    "multiple_choice": "ForMultipleChoice",
}
KINDS = tuple(_ARCHITECTURES)
"""The kinds of models that there are classes of for most families."""


def has_class(config: BertConfig, kind: str) -> bool:
    """Whether `transformers` has a class for models of a kind with an encoder of this family."""
    return kind in _ARCHITECTURES or kind in config.form.class_endings


def write_hugging_face(
    folder: str,
    tensors: dict[str, StoredTensor],
    config: BertConfig,
    kind: str,
    tokenizer: Any = None,
    label_names: Sequence[str] = (),
    problem_type: str | None = None,
) -> None:
    """Writes a folder that `transformers` loads.

    Args:
      folder: an existing, empty directory.
      tensors: by the names of `names.Weight`, with an encoder.
      config: shape of the encoder.
      kind: `encoder` or another of `convert.HEADS_OF`: which of its classes the folder is for.
      tokenizer: the model's, whose files go into the folder; without it only the weights can be used there.
      label_names: of a classifier or tagger, in the order of their ids; without them they are called LABEL_0, LABEL_1, …
      problem_type: of a classifier, as `transformers` names it; None for regression with one output, else single labels.

    Raises:
      UserError: the tokenizer is of another kind, or there is another number of label names than classes.
    """
    content = {}
    for weight, name in _names_in(config, kind).items():
        if weight.name in tensors:
            tensor = tensors[weight.name]
            tensor = _transposed(tensor) if weight.transposed else tensor
            for written in (name, *weight.copies):
                content[written] = (tensor.shape, tensor.read)
    values = config.to_hugging_face_dict() | {"architectures": [config.form.architecture + _architecture(kind, tensors, config)]}
    if kind in ("classifier", "tagger"):
        classes = tensors["output_bias"].shape[0]
        values |= _labels(classes, label_names)
        if kind == "classifier":
            values["problem_type"] = problem_type or ("regression" if classes == 1 else "single_label_classification")
    safetensors_file.write(os.path.join(folder, WEIGHTS), content)
    files.write_json(os.path.join(folder, CONFIG), values)
    if tokenizer is not None:
        for name, data in _tokenizer_files(tokenizer, config).items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)


def named(tensors: dict[str, StoredTensor], config: BertConfig, kind: str) -> dict[str, StoredTensor]:
    """Those of the weights that the models of `transformers` of a kind have; some have no pooler."""
    known = {weight.name for weight in _names_in(config, kind)}
    return {name: tensor for name, tensor in tensors.items() if name in known}


def _names_in(config: BertConfig, kind: str) -> dict[names.Weight, str]:
    """What the weights are called in the models of a kind."""
    table = family_of(config).weights
    by_weight = {weight: table.hugging_face_name(weight, kind) for weight in (*table.of(config), *table.heads())}
    return {weight: name for weight, name in by_weight.items() if name is not None}


def _tokenizer_files(tokenizer: Any, config: BertConfig) -> dict[str, bytes]:
    return tokenizer_files(tokenizer, config.longest_input, config.form.sentencepiece_tokenizer)


def _architecture(kind: str, tensors: dict[str, StoredTensor], config: BertConfig) -> str:
    if kind == "pretrainer" and "cls/seq_relationship/output_weights" not in tensors:
        return "ForMaskedLM"
    return config.form.class_endings.get(kind) or _ARCHITECTURES[kind]


def _labels(classes: int, label_names: Sequence[str]) -> dict[str, Any]:
    """The names of classes in the configuration."""
    if label_names and len(label_names) != classes:
        named = f"{len(label_names)} labels are named ({', '.join(label_names[:6])})"
        raise UserError(f"the classifier has {classes} classes, but {named}; the names beside it are another model's")
    labels = label_names or [f"LABEL_{index}" for index in range(classes)]
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def labels_in(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the labels in a `config.json`, in the order of their ids; none where it has only placeholders for them."""
    id2label = config.get("id2label")
    if not isinstance(id2label, dict) or sorted(id2label, key=str) != sorted(map(str, range(len(id2label)))):
        return ()
    labels = tuple(str(id2label[str(index)]) for index in range(len(id2label)))
    return () if labels == tuple(f"LABEL_{index}" for index in range(len(labels))) else labels
