"""Hugging Face folders: `config.json` and `model.safetensors`, whole or in shards."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.models.checkpoints import names, safetensors_file
from bert_tf2.models.checkpoints.source import Source, StoredTensor, in_table_order, no_encoder
from bert_tf2.models.config import BertConfig
from bert_tf2.text.tokenizer_files import tokenizer_files

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"

_WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"
# What may stand before the encoder's names. RoBERTa's and ELECTRA's names are BERT's but for this.
_PREFIXES = re.compile(r"((0|model|module|auto_model|encoder|bert)\.)*")
# Tensors that follow from others: a buffer of position numbers, and the word embeddings once more as the output matrix.
_DERIVED = ("embeddings.position_ids", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias")


def open_hugging_face(path: str) -> Source:
    """Reads the table of a folder's weights, of a safetensors file or of the index of its shards.

    Raises:
      UserError: a file is missing or damaged, the model is of another kind, or there is no BERT encoder.
    """
    if os.path.isdir(path):
        path = os.path.join(path, INDEX if os.path.isfile(os.path.join(path, INDEX)) else WEIGHTS)
    entries = _sharded(path) if path.endswith(".json") else safetensors_file.read_entries(path)
    prefixes = sorted((name[: -len(_WORD_EMBEDDINGS)] for name in entries if name.endswith(_WORD_EMBEDDINGS)), key=len)
    prefixes = [prefix for prefix in prefixes if _PREFIXES.fullmatch(prefix)]
    if not prefixes:
        raise no_encoder(path, list(entries))
    stored = _stored_names(entries, prefixes[0])
    tensors = {
        weight.name: _tensor(stored[weight], entries[stored[weight]]) for weight in stored if entries[stored[weight]].is_floating
    }
    if not any(name.startswith("bert/encoder/layer_") for name in tensors):
        raise no_encoder(path, list(entries))
    _untranspose(tensors)
    others = sorted(set(entries) - set(stored.values()) - {name for name in entries if name.endswith(_DERIVED)})
    return Source("huggingface", path, in_table_order(tensors), others, num_attention_heads=_heads_beside(path))


def _stored_names(entries: dict[str, safetensors_file.Entry], prefix: str) -> dict[names.Weight, str]:
    """Which tensor of the file holds which weight."""
    layers = 0
    while f"{prefix}{names.block(layers)[0].hugging_face}" in entries:
        layers += 1
    stored = {}
    heads = names.head_weights()
    # Heads lie beside the encoder: `cls.…` where the encoder is `bert.…`.
    outer = prefix.removesuffix("bert.")
    for weights, start in ((names.encoder(layers), prefix), (heads, outer)):
        for weight in weights:
            for name in (weight.hugging_face, _old_name(weight.hugging_face)):
                if start + name in entries:
                    stored[weight] = start + name
                    break
    return stored


def _old_name(name: str) -> str:
    """The names of layer normalisation until 2019."""
    return re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", name))


def _tensor(stored_name: str, entry: safetensors_file.Entry) -> StoredTensor:
    return StoredTensor(stored_name, entry.shape, entry.read_float32)


def _untranspose(tensors: dict[str, StoredTensor]) -> None:
    layers = names.sizes({name: tensor.shape for name, tensor in tensors.items()})["num_hidden_layers"]
    for weight in (*names.encoder(layers), *names.head_weights()):
        if weight.transposed and weight.name in tensors:
            tensors[weight.name] = _transposed(tensors[weight.name])


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


def _heads_beside(path: str) -> int | None:
    """The number of attention heads in the folder's config.json: the weights alone do not tell it.

    Raises:
      UserError: the configuration is of another kind of model.
    """
    config = os.path.join(os.path.dirname(path), CONFIG)
    if not os.path.isfile(config):
        return None
    return BertConfig.from_json_file(config).num_attention_heads


_ARCHITECTURES = {
    "encoder": "BertModel",
    "pretrainer": "BertForPreTraining",
    "classifier": "BertForSequenceClassification",
    "span": "BertForQuestionAnswering",
    "tagger": "BertForTokenClassification",
    "multiple_choice": "BertForMultipleChoice",
}


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
      kind: `encoder`, `pretrainer`, `classifier`, `span`, `tagger` or `multiple_choice`: which of its classes the folder is for.
      tokenizer: the model's `WordPieceTokenizer`, whose files go into the folder; without it only the weights can be used there.
      label_names: of a classifier or tagger, in the order of their ids; without them they are called LABEL_0, LABEL_1, …
      problem_type: of a classifier, as `transformers` names it; None for regression with one output, else single labels.

    Raises:
      UserError: the tokenizer is of another kind, or there is another number of label names than classes.
    """
    layers, start = config.num_hidden_layers, "" if kind == "encoder" else "bert."
    heads = names.head_weights()
    content = {}
    for weights, prefix in ((names.encoder(layers), start), (heads, "")):
        for weight in weights:
            if weight.name in tensors:
                tensor = tensors[weight.name]
                tensor = _transposed(tensor) if weight.transposed else tensor
                content[prefix + weight.hugging_face] = (tensor.shape, tensor.read)
    values = config.to_hugging_face_dict() | {"architectures": [_architecture(kind, tensors)]}
    if kind in ("classifier", "tagger"):
        classes = tensors["output_bias"].shape[0]
        values |= _labels(classes, label_names)
        if kind == "classifier":
            values["problem_type"] = problem_type or ("regression" if classes == 1 else "single_label_classification")
    safetensors_file.write(os.path.join(folder, WEIGHTS), content)
    files.write_json(os.path.join(folder, CONFIG), values)
    if tokenizer is not None:
        for name, written in tokenizer_files(tokenizer, config.max_position_embeddings).items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(written)


def _architecture(kind: str, tensors: dict[str, StoredTensor]) -> str:
    if kind == "pretrainer" and "cls/seq_relationship/output_weights" not in tensors:
        return "BertForMaskedLM"
    return _ARCHITECTURES[kind]


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


@contextlib.contextmanager
def written_whole(folder: str) -> Iterator[str]:
    """Yields an empty directory; on success it becomes `folder`, else it is removed.

    Raises:
      UserError: `folder` exists and is not empty, or its parent cannot be written to.
      JobError: the disk is full or fails.
    """
    folder = folder.rstrip("/")
    if files.is_remote(folder):
        raise UserError(f"a Hugging Face folder is written to a local path; got {folder}")
    if os.path.exists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise UserError(f"{folder} exists already and is not empty; give another name, or delete it first")
    files.make_directory(os.path.dirname(folder) or ".")
    temporary = files.incomplete_name(folder)
    try:
        os.mkdir(temporary)
        yield temporary
        for name in os.listdir(temporary):
            files.sync(os.path.join(temporary, name))
        os.replace(temporary, folder)
        files.sync(os.path.dirname(os.path.abspath(folder)))
    except OSError as error:
        raise JobError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
