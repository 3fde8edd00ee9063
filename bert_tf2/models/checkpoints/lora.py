"""Folders of adapters alone, as `peft` writes and reads them: small, and of use beside the checkpoint that they were trained on.

`adapter_config.json` names that checkpoint and the scale; `adapter_model.safetensors` has two matrices for each adapted layer,
`….lora_A.weight` [rank, inputs] and `….lora_B.weight` [outputs, rank], and the layers that were trained whole. Opened, they are
the whole model, with W + s A B in the place of every adapted kernel W. `base_weights.json`, which is ours, says how many of the
checkpoint's blocks the model has, and has the digests of these kernels, so that adapters are not put beside others in silence.
"""

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import safetensors_file
from bert_tf2.models.checkpoints.hugging_face import KINDS
from bert_tf2.models.checkpoints.source import Source, StoredTensor, in_table_order
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import Family, family_of
from bert_tf2.models.families.names import Weight

CONFIG, WEIGHTS, BASE = "adapter_config.json", "adapter_model.safetensors", "base_weights.json"
_PREFIX, _FIRST, _SECOND = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
# What other adapters compute with, and the value with which they are these.
_PLAIN: dict[str, Any] = {
    "peft_type": "LORA",
    "bias": "none",
    "fan_in_fan_out": False,
    "use_dora": False,
    "use_rslora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "layers_to_transform": None,
}
# Of later versions, which are not written.
_LATER = ("lora_bias", "layer_replication", "trainable_token_indices", "target_parameters", "use_qalora")
# Ways to begin that leave the kernels beside the adapters as they are in the checkpoint.
_KEEPING_THE_BASE = ("gaussian", "eva", "orthogonal")


@dataclasses.dataclass(frozen=True)
class LowRank:
    """What a kernel, as a matrix [inputs, outputs], has beside it.

    Attributes:
      base: the kernel without it, float32 [inputs, outputs].
      first: A, float32 [inputs, rank].
      second: B, float32 [rank, outputs].
    """

    base: np.ndarray
    first: np.ndarray
    second: np.ndarray


def write_lora(
    folder: str,
    base_checkpoint: str,
    config: BertConfig,
    kind: str,
    adapters: Mapping[str, LowRank],
    scale: float,
    whole: Mapping[str, np.ndarray],
) -> None:
    """Writes a folder of adapters; one that is there is replaced.

    Args:
      folder: where to.
      base_checkpoint: the checkpoint that they were trained on.
      config: the encoder's.
      kind: one of `convert.HEADS_OF`: of which class of `transformers` the model is.
      adapters: by the names of the kernels (`names.Weight`).
      scale: s.
      whole: the weights that were trained whole, in their plain form, by name.
    """
    family = family_of(config)
    blocks = getattr(config, family.weights.counts)
    names = _names(family, blocks, kind)
    called = {weight.name: (weight, name) for name, weight in names.items()}
    content: dict[str, np.ndarray] = {}
    modules = []
    for name, adapter in adapters.items():
        module = called[name][1].removesuffix(".weight")
        modules.append(module)
        content[f"{_PREFIX}{module}{_FIRST}"] = adapter.first.T
        content[f"{_PREFIX}{module}{_SECOND}"] = adapter.second.T
    saved = []
    for name, array in whole.items():
        weight, theirs = called.get(name, (None, name))
        saved.append(theirs.rpartition(".")[0] or theirs)
        content[f"{_PREFIX}{theirs}"] = array.T if weight is not None and weight.transposed else array
    rank = max(adapter.first.shape[1] for adapter in adapters.values())
    values = _PLAIN | {
        "base_model_name_or_path": base_checkpoint,
        "r": rank,
        "lora_alpha": scale * rank,
        "lora_dropout": 0.0,
        "target_modules": modules,
        "modules_to_save": sorted(set(saved)),
        "inference_mode": True,
        "task_type": None,
    }
    files.make_directory(folder)
    tensors = {name: (array.shape, functools.partial(np.ascontiguousarray, array)) for name, array in content.items()}
    with files.written_whole(os.path.join(folder, WEIGHTS)) as temporary:
        safetensors_file.write(temporary, tensors)
    digests = {name: _digest(adapter.base) for name, adapter in adapters.items()}
    files.write_json(os.path.join(folder, BASE), {"blocks": blocks, "kernels": digests})
    files.write_json(os.path.join(folder, CONFIG), values)


def folder_of(path: str | None) -> str | None:
    """The folder of adapters that a path names, or that holds the file that it names; None for anything else."""
    path = files.expand(str(path)) if path else ""
    if not path or files.is_remote(path):
        return None
    folder = os.path.dirname(path) if os.path.basename(path) in (CONFIG, WEIGHTS) else path
    return folder if os.path.exists(os.path.join(folder, CONFIG)) else None


def open_lora(folder: str, open_source: Callable[[str], Source]) -> Source:
    """The checkpoint that a folder of adapters makes of the one it names; nothing but tables is read.

    Args:
      folder: holds `adapter_config.json`.
      open_source: opens the other one.

    Raises:
      UserError: a file is missing or damaged, the adapters are of another kind than LoRA, or do not fit what they name.
    """
    path = os.path.join(folder, CONFIG)
    config = files.read_object(folder, CONFIG)
    for name, value in _PLAIN.items():
        if config.get(name, value) != value and config[name]:
            raise UserError(f"{path}: {name} is {json.dumps(config[name])}; adapters of LoRA are read with {json.dumps(value)}")
    for name in _LATER:
        if config.get(name):
            raise UserError(f"{path}: {name} is {json.dumps(config[name])}; adapters of LoRA are read without it")
    if isinstance(start := config.get("init_lora_weights"), str) and start not in _KEEPING_THE_BASE:
        raise UserError(
            f"{path}: init_lora_weights is {start!r}, which changes the checkpoint beside the adapters; merge them in peft"
        )
    rank, alpha, base_path = (config.get(name) for name in ("r", "lora_alpha", "base_model_name_or_path"))
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, (int, float)):
        raise UserError(f"{path}: r is {rank!r} and lora_alpha {alpha!r}; both must be numbers, r at least 1")
    if not isinstance(base_path, str) or not base_path:
        raise UserError(f"{path}: base_model_name_or_path must be the path of the checkpoint the adapters were trained on")
    base_path = files.expand(base_path)
    base_path = base_path if files.is_remote(base_path) else os.path.join(folder, base_path)
    try:
        base = open_source(base_path)
    except UserError as error:
        raise UserError(
            f"{path}: the checkpoint of base_model_name_or_path cannot be opened ({error}); write its path there"
        ) from error
    weights = os.path.join(folder, WEIGHTS)
    if not os.path.exists(weights):
        raise UserError(f"{folder} holds {CONFIG} but no {WEIGHTS}, which has the adapters")
    entries = safetensors_file.read_entries(weights)
    known = files.read_object(folder, BASE)

    def merged(source: Source) -> Source:
        part = source.first_layers(known["blocks"]) if "blocks" in known else source
        return _merged(part, weights, entries, alpha / rank, known.get("kernels", {}))

    others = {name: functools.partial(lambda again: merged(again()), again) for name, again in base.reopened.items()}
    return dataclasses.replace(merged(base), reopened=others)


def _merged(
    base: Source, path: str, entries: Mapping[str, safetensors_file.Entry], scale: float, digests: Mapping[str, Any]
) -> Source:
    blocks = base.family.weights.blocks_in(base.shapes)
    known: dict[str, Weight] = {}
    for kind in reversed(KINDS):
        known |= _names(base.family, blocks, kind)
    tensors, adapted = dict(base.tensors), 0
    for stored, entry in entries.items():
        name = stored.removeprefix(_PREFIX)
        if name.endswith(_SECOND):
            continue
        module = name.removesuffix(_FIRST)
        weight = known.get(f"{module}.weight") or known.get(module) if module != name else known.get(name)
        if weight is None:
            raise UserError(f"{path}: {stored} belongs to no weight of {base.family.title} ({base.path})")
        if module == name:
            shape = entry.shape[::-1] if weight.transposed else entry.shape
            tensors[weight.name] = StoredTensor(stored, shape, functools.partial(_read, entry, weight.transposed))
            continue
        second = entries.get(stored.removesuffix(_FIRST) + _SECOND)
        former = base.tensors.get(weight.name)
        if second is None or former is None:
            raise UserError(f"{path}: {stored} has no {_SECOND.removeprefix('.')} beside it, or {base.path} has no {weight.name}")
        columns = int(np.prod(former.shape[1:]))
        if entry.shape[1:] != former.shape[:1] or second.shape != (columns, entry.shape[0]):
            raise UserError(
                f"{path}: {module} has adapters of {list(entry.shape)} and {list(second.shape)}, its kernel in {base.path} is "
                f"{list(former.shape)}"
            )
        read = functools.partial(_read_sum, former, entry, second, scale, digests.get(weight.name), f"{path}: {base.path}")
        tensors[weight.name], adapted = StoredTensor(stored, former.shape, read), adapted + 1
    note = f"{adapted} of them with adapters beside those of {base.path}"
    return dataclasses.replace(
        base, path=path, tensors=in_table_order(tensors, base.family), notes=[*base.notes, note], companions={}, step=None
    )


def _read(entry: safetensors_file.Entry, transposed: bool) -> np.ndarray:
    array = entry.read_float32()
    return np.ascontiguousarray(array.T) if transposed else array


def _read_sum(
    former: StoredTensor,
    first: safetensors_file.Entry,
    second: safetensors_file.Entry,
    scale: float,
    digest: str | None,
    told: str,
) -> np.ndarray:
    kernel = former.read()
    if digest is not None and _digest(kernel) != digest:
        raise UserError(f"{told} is not the checkpoint that the adapters were trained on: {former.stored_name} has other values")
    product = first.read_float32().T @ (second.read_float32().T * np.float32(scale))
    return kernel + product.reshape(kernel.shape)


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()


def _names(family: Family, blocks: int, kind: str) -> dict[str, Weight]:
    """The weights by what the models of `transformers` of a kind call them; by their own names where those have none."""
    table = family.weights
    return {table.hugging_face_name(weight, kind) or weight.name: weight for weight in (*table.encoder(blocks), *table.heads())}
