"""A BERT with random weights and a masked-LM head, in Hugging Face's form and as transformers' own model."""

import json
import pathlib
from typing import Any

import numpy as np

from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.families.base import families, read_config
from bert_tf2.models.families.names import HEADS


def write_masked_lm(folder: pathlib.Path, config: dict, vocabulary: list[str]) -> pathlib.Path:
    """Writes weights, configuration and vocabulary."""
    folder.mkdir()
    (folder / "bert_config.json").write_text(json.dumps(config))
    rng, read, family = np.random.default_rng(2), read_config(str(folder / "bert_config.json")), families.get("bert")
    tensors = {}
    for weight in (*family.weights.encoder(read.num_hidden_layers), *HEADS["masked_lm"].weights):
        array = rng.normal(0.0, 0.3, [getattr(read, field) for field in weight.shape]).astype(np.float32)
        array += weight.name.endswith("gamma")
        tensors[weight.name] = StoredTensor(weight.name, array.shape, lambda array=array: array)
    convert(Source("tf1", "memory", tensors, family=family), read, str(folder / "model"), "huggingface")
    (folder / "model" / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    return folder / "model"


def of_transformers(folder: pathlib.Path) -> Any:
    """The model of transformers with the same weights."""
    from safetensors.numpy import load_file
    from transformers import AutoConfig, TFBertForMaskedLM
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    model = TFBertForMaskedLM(AutoConfig.from_pretrained(str(folder)))
    return load_pytorch_state_dict_in_tf2_model(model, load_file(str(folder / "model.safetensors")), allow_missing_keys=True)
