"""The MiniLM weights in the form that the model garden reads."""

import json
import pathlib
import sys

from peers import turns

from bert_tf2 import files

BASE_CONFIG = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
}


def make_garden_weights(work: pathlib.Path, weights: pathlib.Path) -> pathlib.Path:
    """Makes `minilm.json` and a TF2 checkpoint, unless that is there, in `work`, and returns the checkpoint's path."""
    config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    # The garden knows the tanh approximation of gelu only; its reader takes any configuration's values as they are.
    files.write_json(str(work / "minilm.json"), {key: config[key] for key in BASE_CONFIG})
    checkpoint = work / "minilm" / "bert_model.ckpt"
    if not checkpoint.with_suffix(".ckpt.index").is_file():
        convert = [sys.executable, "-m", "bert_tf2.convert_checkpoint", "--to=tf2", f"--checkpoint_to_convert={weights}"]
        convert += [f"--bert_config_file={weights / 'config.json'}", f"--converted_checkpoint_path={checkpoint}"]
        turns.run_quietly(convert)
    return checkpoint
