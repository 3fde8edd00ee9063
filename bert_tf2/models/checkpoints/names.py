"""The weights of BERT by one name each, with their shapes and what other formats call them.

The name is that of google-research's TF1 code. One table drives every reader and writer.
"""

import dataclasses
import math
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Weight:
    """One variable in its plain form: float32, kernels [inputs, outputs], attention heads side by side.

    Attributes:
      name: google-research's variable name.
      shape: names of the `BertConfig` fields that are its sizes; `None` for the number of classes.
      hugging_face: its name in `transformers`, without the `bert.` that models with a head put before the encoder's.
      transposed: whether `transformers` stores [outputs, inputs].
    """

    name: str
    shape: tuple[str | None, ...]
    hugging_face: str
    transposed: bool = False


def _dense(name: str, hugging_face: str, inputs: str, outputs: str) -> tuple[Weight, ...]:
    return (
        Weight(f"{name}/kernel", (inputs, outputs), f"{hugging_face}.weight", transposed=True),
        Weight(f"{name}/bias", (outputs,), f"{hugging_face}.bias"),
    )


def _layer_norm(name: str, hugging_face: str) -> tuple[Weight, ...]:
    return (
        Weight(f"{name}/gamma", ("hidden_size",), f"{hugging_face}.weight"),
        Weight(f"{name}/beta", ("hidden_size",), f"{hugging_face}.bias"),
    )


def _embedding(kind: str, rows: str) -> Weight:
    return Weight(f"bert/embeddings/{kind}", (rows, "hidden_size"), f"embeddings.{kind}.weight")


EMBEDDINGS = (
    _embedding("word_embeddings", "vocab_size"),
    _embedding("position_embeddings", "max_position_embeddings"),
    _embedding("token_type_embeddings", "type_vocab_size"),
    *_layer_norm("bert/embeddings/LayerNorm", "embeddings.LayerNorm"),
)
POOLER = _dense("bert/pooler/dense", "pooler.dense", "hidden_size", "hidden_size")
MASKED_LM = (
    *_dense("cls/predictions/transform/dense", "cls.predictions.transform.dense", "hidden_size", "hidden_size"),
    *_layer_norm("cls/predictions/transform/LayerNorm", "cls.predictions.transform.LayerNorm"),
    Weight("cls/predictions/output_bias", ("vocab_size",), "cls.predictions.bias"),
)


def _logits(name: str, hugging_face: str) -> tuple[Weight, ...]:
    """A layer of logits; google-research and `transformers` both store it as [classes, hidden size]."""
    return (
        Weight(f"{name}output_weights", (None, "hidden_size"), f"{hugging_face}.weight"),
        Weight(f"{name}output_bias", (None,), f"{hugging_face}.bias"),
    )


NEXT_SENTENCE = _logits("cls/seq_relationship/", "cls.seq_relationship")
CLASSIFIER = _logits("", "classifier")
SPAN = _logits("cls/squad/", "qa_outputs")


@dataclasses.dataclass(frozen=True)
class Head:
    """A head that stands on an encoder.

    Attributes:
      kind: the name that tasks call it by.
      title: what a person calls it.
      weights: its weights.
      places: by weight the attributes that lead to its variable from the functional model whose first layer is the encoder,
        `("ordinal", "kernel")` of `model.ordinal.kernel`. Those of the garden have had many places; they have none here.
    """

    kind: str
    title: str
    weights: tuple[Weight, ...]
    places: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def is_of_classes(self) -> bool:
        """Whether its weights are those of one list of classes, and mean nothing for others."""
        return any(None in weight.shape for weight in self.weights)


HEADS: dict[str, Head] = {}
"""The heads that are read and written, by kind; a kind of task with a head of its own adds it by `register_head`."""


def register_head(head: Head) -> Head:
    """Makes a head one that checkpoints are searched for.

    Raises:
      ValueError: another head of that kind is registered, or another weight of that name.
    """
    known = HEADS.get(head.kind)
    if known is not None and known != head:
        raise ValueError(f"another head of the kind '{head.kind}' is registered")
    taken = {weight.name for other in HEADS.values() if other.kind != head.kind for weight in other.weights}
    doubled = taken & {weight.name for weight in head.weights}
    if doubled:
        raise ValueError(f"another head has a weight of the name '{min(doubled)}'")
    HEADS[head.kind] = head
    return head


def head_weights() -> list[Weight]:
    """The weights of all heads."""
    return [weight for head in HEADS.values() for weight in head.weights]


register_head(Head("masked_lm", "masked-LM head", MASKED_LM))
register_head(Head("next_sentence", "next-sentence head", NEXT_SENTENCE))
register_head(Head("classifier", "classification head", CLASSIFIER))
register_head(Head("span", "question-answering head", SPAN))


def block(index: int) -> tuple[Weight, ...]:
    """The weights of one transformer block."""
    name, hugging_face = f"bert/encoder/layer_{index}", f"encoder.layer.{index}"

    def dense(part: str, inputs: str = "hidden_size", outputs: str = "hidden_size") -> tuple[Weight, ...]:
        return _dense(f"{name}/{part}", f"{hugging_face}.{part.replace('/', '.')}", inputs, outputs)

    return (
        *dense("attention/self/query"),
        *dense("attention/self/key"),
        *dense("attention/self/value"),
        *dense("attention/output/dense"),
        *_layer_norm(f"{name}/attention/output/LayerNorm", f"{hugging_face}.attention.output.LayerNorm"),
        *dense("intermediate/dense", outputs="intermediate_size"),
        *dense("output/dense", inputs="intermediate_size"),
        *_layer_norm(f"{name}/output/LayerNorm", f"{hugging_face}.output.LayerNorm"),
    )


def encoder(num_hidden_layers: int) -> tuple[Weight, ...]:
    """The weights of the encoder in the order of the computation; the pooler's are the last two."""
    blocks = [weight for index in range(num_hidden_layers) for weight in block(index)]
    return (*EMBEDDINGS, *blocks, *POOLER)


def is_pooler(name: str) -> bool:
    """Whether the weight belongs to the pooler, which some checkpoints lack."""
    return name.startswith("bert/pooler/")


def plain_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an attention weight with its heads side by side; other shapes as they are.

    The model garden stores kernels of query, key and value as [hidden, heads, head size], their biases as [heads, head size]
    and the output's kernel as [heads, head size, hidden].
    """
    if "/attention/self/" in name:
        split = 1 if name.endswith("/kernel") else 0
        return (*shape[:split], math.prod(shape[split:]))
    if name.endswith("/attention/output/dense/kernel"):
        return (math.prod(shape[:-1]), shape[-1])
    return tuple(shape)


def garden_shape(name: str, shape: tuple[int, ...], num_attention_heads: int) -> tuple[int, ...]:
    """The inverse of `plain_shape`: the shape of a weight in the model garden's encoder."""
    if "/attention/self/" in name:
        return (*shape[:-1], num_attention_heads, shape[-1] // num_attention_heads)
    if name.endswith("/attention/output/dense/kernel"):
        return (num_attention_heads, shape[0] // num_attention_heads, shape[1])
    return tuple(shape)


def sizes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The `BertConfig` fields that the shapes of an encoder's weights tell; those that cannot be told are absent."""
    found: dict[str, int] = {}
    for weight in (*EMBEDDINGS, *block(0)):
        shape = shapes.get(weight.name)
        if shape is not None and len(shape) == len(weight.shape):
            for field, size in zip(weight.shape, shape):
                if field is not None:
                    found.setdefault(field, size)
    layers = 0
    while any(weight.name in shapes for weight in block(layers)):
        layers += 1
    found["num_hidden_layers"] = layers
    return found
