"""How an encoder's hidden states become the vector of a text."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.training.run_directory import RUN_CONFIG

POOLINGS = ("mean", "cls", "max", "mean_max", "first_last_avg")
"""The ways to make one vector of a text's tokens."""
POOLER = "pooler"
"""The pooling of a training whose vectors are those behind the pooler."""
COMBINATIONS = ("concat", "mean")
"""What is done with the hidden states of several layers."""
LONG_TEXTS = ("truncate", "windows")
"""What is done with a text that has more tokens than an input."""
QUANTIZATIONS = ("none", "int8")
"""How the weights of an encoder's products are kept."""

_PARTS = {"mean": ("sum",), "max": ("max",), "mean_max": ("sum", "max"), "cls": ("first",), "first_last_avg": ("sum",)}


@dataclasses.dataclass(frozen=True)
class VectorSettings:
    """How the vector of a text is made.

    The poolings are those of bert-as-service (`REDUCE_MEAN`, `REDUCE_MAX`, `REDUCE_MEAN_MAX`, `CLS_TOKEN`), and `first_last_avg`
    of BERT-whitening (https://arxiv.org/abs/2103.15316): the mean over tokens of the mean of the first and the last block.

    Attributes:
      pooling: one of `POOLINGS`.
      layers: blocks whose hidden states are taken, from 0, or from -1 for the last; None for the last one.
      layer_combination: one of `COMBINATIONS`.
      special_tokens: whether [CLS] and [SEP] are pooled too.
      normalize: whether vectors get the length 1; a zero vector stays.
      max_seq_length: the most tokens of an input, special ones included; None for 128, or the model's most if that is less.
      long_text: one of `LONG_TEXTS`; `windows` pools over all tokens of the text.
      quantize: one of `QUANTIZATIONS`; `int8` has ONNX Runtime compute the hidden states, which differ a little.

    Raises:
      UserError: a value cannot be, or two contradict each other.
    """

    pooling: str = "mean"
    layers: tuple[int, ...] | None = None
    layer_combination: str = "concat"
    special_tokens: bool = True
    normalize: bool = False
    max_seq_length: int | None = None
    long_text: str = "truncate"
    quantize: str = "none"

    def __post_init__(self) -> None:
        _choice("pooling", self.pooling, POOLINGS)
        _choice("layer_combination", self.layer_combination, COMBINATIONS)
        _choice("long_text", self.long_text, LONG_TEXTS)
        _choice("quantize", self.quantize, QUANTIZATIONS)
        if self.layers is not None:
            object.__setattr__(self, "layers", tuple(self.layers))
        if self.layers == ():
            raise UserError("--layers names no layer; give some, for example --layers=-1,-2")
        if self.pooling == "first_last_avg" and (self.layers is not None or self.layer_combination != "concat"):
            raise UserError(
                "--pooling=first_last_avg is the mean of the first and the last layer; leave out --layers and --layer_combination"
            )
        if self.pooling == "cls" and not self.special_tokens:
            raise UserError("--pooling=cls is the vector of a special token; leave out --nospecial_tokens, or pool otherwise")
        if self.pooling == "cls" and self.long_text == "windows":
            raise UserError("--pooling=cls is the vector of one input's first token; --long_text=windows is for mean and max")

    @property
    def parts(self) -> tuple[str, ...]:
        """What is computed of each input and put together at the end: `sum`, `max` or `first` of its tokens."""
        return _PARTS[self.pooling]

    @property
    def averages_layers(self) -> bool:
        """Whether the vectors of several layers are averaged, not put side by side."""
        return self.layer_combination == "mean" or self.pooling == "first_last_avg"

    def layer_numbers(self, count: int) -> tuple[int, ...]:
        """The layers, from 0, of a model that has so many.

        Raises:
          UserError: it has no such layer.
        """
        if self.pooling == "first_last_avg":
            return (0, count - 1)
        return layer_numbers(self.layers or (-1,), count)

    def dimension(self, count: int, width: int) -> int:
        """The length of a vector, of a model with so many layers of a width."""
        layers = 1 if self.averages_layers else len(self.layer_numbers(count))
        return width * layers * len(self.parts)


def layer_numbers(layers: Sequence[int], count: int) -> tuple[int, ...]:
    """Layers from 0, of a model that has so many.

    Raises:
      UserError: it has no such layer.
    """
    for layer in layers:
        if not -count <= layer < count:
            raise UserError(f"--layers: there is no layer {layer}; the model has {count}: 0 to {count - 1}, or -1 to -{count}")
    return tuple(layer % count for layer in layers)


def read_layers(given: str) -> tuple[int, ...]:
    """The layers of a comma list such as `-1,-2`.

    Raises:
      UserError: it holds something else than whole numbers.
    """
    try:
        return tuple(int(part) for part in given.split(",") if part.strip())
    except ValueError:
        raise UserError(f"--layers must be whole numbers with commas between them, for example -1,-2; got '{given}'") from None


def input_length(given: int | None, longest: int, special_tokens: int) -> int:
    """The most tokens of an input.

    Args:
      given: `--max_seq_length`, or None.
      longest: the most that the model takes.
      special_tokens: of an input.

    Raises:
      UserError: the model takes less, or there is no place for a token of the text.
    """
    if given is None:
        return min(128, longest)
    if given > longest:
        raise UserError(f"--max_seq_length={given} is more than the model's {longest} positions (max_position_embeddings)")
    if given <= special_tokens:
        raise UserError(f"--max_seq_length must be more than {special_tokens}, the special tokens of an input; got {given}")
    return given


def trained_pooling(model_dir: str) -> str | None:
    """The pooling that the training in a directory was with; None where it was not one of vectors.

    Raises:
      UserError: its vectors are those behind the pooler.
    """
    pooling = noted_pooling(model_dir)
    if pooling == POOLER:
        raise UserError(
            f"{model_dir} was trained with --pooling=pooler, whose vectors only its export gives (run_classifier.py "
            "--mode=export_only); for other vectors of the model give --pooling"
        )
    return pooling if pooling in POOLINGS else None


def noted_pooling(model_dir: str) -> Any:
    """What the training in a directory was given as `--pooling`; None where nothing says it."""
    run = files.read_object(files.expand(model_dir), RUN_CONFIG).get("run")
    data = run.get("data") if isinstance(run, dict) else None
    return data.get("pooling") if isinstance(data, dict) else None


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UserError(f"--{name} must be one of {', '.join(choices)}; got '{value}'.{did_you_mean(str(value), choices)}")
