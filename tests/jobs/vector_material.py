"""A tiny encoder in a Hugging Face folder, what transformers makes of it, and texts."""

import dataclasses
import json
import pathlib

import numpy as np

from bert_tf2 import cli
from bert_tf2.jobs.vectors.extract_features import extract_features
from bert_tf2.jobs.vectors.extract_options import ExtractFeaturesOptions
from bert_tf2.models.checkpoints import convert
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.families.base import config_of, families
from bert_tf2.text.tokenizer import load_tokenizer

LAYERS, WIDTH = 4, 16
TEXTS = [
    "the movie was good",
    "the movie was very very bad !",
    "good",
    "",
    "a movie , the movie",
    "very good , very very good movie . the bad movie was very bad",
]


@dataclasses.dataclass(frozen=True)
class Model:
    """A folder with a tiny BERT."""

    folder: pathlib.Path
    vocab_file: str
    config: dict

    def extract(self, *flags: str) -> int:
        """The exit code of the command."""
        flags = (f"--init_checkpoint={self.folder}", *flags)
        return cli.run(extract_features, ExtractFeaturesOptions, "", ["extract_features", *flags])

    def hidden_states(self, text: str, text_b: str | None = None, length: int = 64) -> tuple[list[str], np.ndarray]:
        """The tokens of a text, and transformers' hidden states behind every block, [LAYERS, L, WIDTH]."""
        return self._of_oracle(text, text_b, length)[:2]

    def attentions(self, text: str) -> np.ndarray:
        """transformers' attention weights, [LAYERS, heads, L, L]."""
        return self._of_oracle(text, None, 64)[2]

    def _of_oracle(self, text: str, text_b: str | None, length: int) -> tuple[list[str], np.ndarray, np.ndarray]:
        from safetensors.numpy import load_file
        from transformers import BertConfig, BertTokenizer, TFBertModel
        from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

        config = BertConfig.from_dict(json.loads((self.folder / "config.json").read_text()) | {"attn_implementation": "eager"})
        model = TFBertModel(config)
        state = load_file(self.folder / "model.safetensors")
        model = load_pytorch_state_dict_in_tf2_model(model, state, allow_missing_keys=True)
        tokenizer = BertTokenizer(self.vocab_file)
        inputs = tokenizer(text, text_b, return_tensors="tf", truncation=True, max_length=length)
        outputs = model(inputs, output_hidden_states=True, output_attentions=True)
        tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].numpy().tolist())
        states = np.stack([state[0].numpy() for state in outputs.hidden_states[1:]])
        return tokens, states, np.stack([weights[0].numpy() for weights in outputs.attentions])


def make_model(directory: pathlib.Path, vocabulary: list[str], seed: int = 2, **sizes: int) -> Model:
    """Writes a BERT with random weights as Hugging Face publishes one."""
    directory.mkdir(exist_ok=True)
    vocab_file = directory / "words.txt"
    vocab_file.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 32} | sizes
    config = config_of({"model_type": "bert", "vocab_size": len(vocabulary), "max_position_embeddings": 64, **sizes})
    rng, arrays = np.random.default_rng(seed), {}
    for weight in families.get("bert").weights.of(config):
        # Other scales would make all texts alike.
        is_scale, is_table = weight.name.endswith("gamma"), weight.name.endswith("word_embeddings")
        spread = 1.0 if is_table else 0.1 if is_scale or weight.name.endswith("beta") else 0.3
        shape = [getattr(config, field) for field in weight.shape]
        arrays[weight.name] = (rng.normal(0, spread, shape) + is_scale).astype(np.float32)
    tensors = {name: StoredTensor(name, array.shape, lambda array=array: array) for name, array in arrays.items()}
    source = Source("tf1", "memory", tensors, family=families.get("bert"))
    tokenizer = load_tokenizer(vocab_file=str(vocab_file))
    convert.convert(source, config, str(directory / "folder"), "huggingface", tokenizer=tokenizer)
    return Model(directory / "folder", str(vocab_file), config.to_dict())
