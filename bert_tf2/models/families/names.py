"""The weights of encoders and heads by one name each, with their shapes and what other formats call them.

The name is that of the family's own TF1 code, for BERT google-research's. One table drives every reader and writer.
"""

import dataclasses
import math
import re
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class GardenPlace:
    """Where the model garden has a weight.

    Attributes:
      path: the references that lead to its variable from the encoder, those of private attributes without their underscore.
      row: which row of it the weight is, where one variable is for all blocks.
      axes: its axes in the order of the plain form, where that is another.
    """

    path: tuple[str, ...]
    row: int | None = None
    axes: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Weight:
    """One variable in its plain form: float32, kernels [inputs, outputs], attention heads side by side.

    Attributes:
      name: the TF1 code's variable name.
      shape: names of the fields of the configuration that are its sizes; `None` for the number of classes, `one` for 1.
      hugging_face: its name in `transformers`, without what models with a head put before the encoder's; empty where its models
        have no such weight.
      transposed: whether `transformers` stores [outputs, inputs].
      place: the references that lead to its variable from the parts of an encoder as `object_graph` names them; none for the
        weights of heads.
      copies: other names in `transformers` under which the same tensor is stored again.
      tf1_row: where the TF1 code has one variable for all blocks, its name and which row of it this is.
      garden: where it is in an encoder of the model garden that is built otherwise than its BERT.
    """

    name: str
    shape: tuple[str | None, ...]
    hugging_face: str
    transposed: bool = False
    place: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    tf1_row: tuple[str, int] | None = None
    garden: GardenPlace | None = None


def dense(name: str, hugging_face: str, inputs: str, outputs: str, place: tuple[str, ...] = ()) -> tuple[Weight, ...]:
    """Kernel and bias of a layer."""
    return (
        Weight(f"{name}/kernel", (inputs, outputs), f"{hugging_face}.weight", True, _within(place, "kernel")),
        Weight(f"{name}/bias", (outputs,), f"{hugging_face}.bias", False, _within(place, "bias")),
    )


def layer_norm(name: str, hugging_face: str, place: tuple[str, ...] = (), width: str = "hidden_size") -> tuple[Weight, ...]:
    """Scale and offset of a layer normalisation."""
    return (
        Weight(f"{name}/gamma", (width,), f"{hugging_face}.weight", False, _within(place, "gamma")),
        Weight(f"{name}/beta", (width,), f"{hugging_face}.bias", False, _within(place, "beta")),
    )


def _within(place: tuple[str, ...], part: str) -> tuple[str, ...]:
    return (*place, part) if place else ()


WORDS = "bert/embeddings/word_embeddings"
"""The table of words."""


def embeddings(width: str, types: bool = True) -> tuple[Weight, ...]:
    """The tables of BERT and their layer normalisation, of a width; without `types` two tables instead of three."""
    return (
        _table("word_embeddings", "vocab_size", width, "embedding_layer"),
        _table("position_embeddings", "max_position_embeddings", width, "position_embedding_layer"),
        *([_table("token_type_embeddings", "type_vocab_size", width, "type_embedding_layer")] if types else []),
        *layer_norm("bert/embeddings/LayerNorm", "embeddings.LayerNorm", ("embedding_norm_layer",), width),
    )


def _table(kind: str, rows: str, width: str, place: str) -> Weight:
    return Weight(f"bert/embeddings/{kind}", (rows, width), f"embeddings.{kind}.weight", False, (place,))


def logits(name: str, hugging_face: str) -> tuple[Weight, ...]:
    """A layer of logits; google-research and `transformers` both store it as [classes, hidden size]."""
    return (
        Weight(f"{name}output_weights", (None, "hidden_size"), f"{hugging_face}.weight"),
        Weight(f"{name}output_bias", (None,), f"{hugging_face}.bias"),
    )


def pooler(hugging_face: str) -> tuple[Weight, ...]:
    """The layer of the first token's vector, and what `transformers` calls it: nothing where its encoders have none."""
    weights = dense("bert/pooler/dense", hugging_face, "hidden_size", "hidden_size", ("pooler_layer",))
    return weights if hugging_face else without_name(weights)


BLOCK_LAYERS = {
    "attention/self/query": ("attention_layer", "query_dense"),
    "attention/self/key": ("attention_layer", "key_dense"),
    "attention/self/value": ("attention_layer", "value_dense"),
    "attention/output/dense": ("attention_layer", "output_dense"),
    "attention/output/LayerNorm": ("attention_layer_norm",),
    "intermediate/dense": ("intermediate_dense",),
    "output/dense": ("output_dense",),
    "output/LayerNorm": ("output_layer_norm",),
}
"""The layers of BERT's block in the order of the computation, with the references that lead to them from the block."""


def block_of(index: int, hugging_face: str, theirs: Mapping[str, str]) -> tuple[Weight, ...]:
    """The weights of a block of BERT's.

    Args:
      index: its number.
      hugging_face: what `transformers` calls the block.
      theirs: and its layers, by those of `BLOCK_LAYERS`.
    """
    return block_named(f"bert/encoder/layer_{index}", index, {path: f"{hugging_face}.{theirs[path]}" for path in BLOCK_LAYERS})


def block_named(block: str, index: int, hugging_face: Mapping[str, str] | None = None) -> tuple[Weight, ...]:
    """The weights of a block by its name and number; `transformers` calls its layers, those of `BLOCK_LAYERS`, as given."""
    weights: list[Weight] = []
    for path, references in BLOCK_LAYERS.items():
        name, other = f"{block}/{path}", "" if hugging_face is None else hugging_face[path]
        place = ("transformer_layers", str(index), *references)
        if path.endswith("LayerNorm"):
            weights += layer_norm(name, other, place)
        else:
            inputs = {"attention/output/dense": "attention_width", "output/dense": "intermediate_size"}.get(path, "hidden_size")
            outputs = "intermediate_size" if path == "intermediate/dense" else "hidden_size"
            if path.startswith("attention/self/"):
                outputs = "attention_width"
            weights += dense(name, other, inputs, outputs, place)
    return tuple(weights) if hugging_face is not None else without_name(tuple(weights))


def without_name(weights: tuple[Weight, ...]) -> tuple[Weight, ...]:
    """Weights that the models of `transformers` do not have."""
    return tuple(dataclasses.replace(weight, hugging_face="") for weight in weights)


def renamed(weights: tuple[Weight, ...], hugging_face: str) -> dict[str, str]:
    """What a layer's kernel and bias, or a head's, are called where `transformers` has the layer under this name."""
    kernel, bias = weights
    return {kernel.name: f"{hugging_face}.weight", bias.name: f"{hugging_face}.bias"}


POOLER = pooler("pooler.dense")
MASKED_LM = (
    *dense("cls/predictions/transform/dense", "cls.predictions.transform.dense", "hidden_size", "hidden_size"),
    *layer_norm("cls/predictions/transform/LayerNorm", "cls.predictions.transform.LayerNorm"),
    Weight("cls/predictions/output_bias", ("vocab_size",), "cls.predictions.bias"),
)
NEXT_SENTENCE = logits("cls/seq_relationship/", "cls.seq_relationship")
CLASSIFIER = logits("", "classifier")
SPAN = logits("cls/squad/", "qa_outputs")
# XLNet's, whose TF1 code has them beside its scope `model/` (`function_builder.get_qa_outputs` of zihangdai/xlnet).
START_CONDITIONED = (
    *dense("start_logits/dense", "start_logits.dense", "hidden_size", "one"),
    *dense("end_logits/dense_0", "end_logits.dense_0", "twice_hidden_size", "hidden_size"),
    *layer_norm("end_logits/LayerNorm", "end_logits.LayerNorm"),
    *dense("end_logits/dense_1", "end_logits.dense_1", "hidden_size", "one"),
)
ANSWERABILITY = (
    *dense("answer_class/dense_0", "answer_class.dense_0", "twice_hidden_size", "hidden_size"),
    Weight("answer_class/dense_1/kernel", ("hidden_size", "one"), "answer_class.dense_1.weight", transposed=True),
)


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
    """The weights of all heads, with the names that `transformers` gives them in BERT's models."""
    return [weight for head in HEADS.values() for weight in head.weights]


def answer_layer(name: str) -> str:
    """The attribute that a layer of XLNet's head for answers is, by what its TF1 code calls it."""
    return {"LayerNorm": "layer_norm"}.get(name, name)


def _in_answer_head(weights: tuple[Weight, ...]) -> dict[str, tuple[str, ...]]:
    return {weight.name: ("answer_head", *map(answer_layer, weight.name.split("/"))) for weight in weights}


register_head(Head("masked_lm", "masked-LM head", MASKED_LM))
register_head(Head("next_sentence", "next-sentence head", NEXT_SENTENCE))
register_head(Head("classifier", "classification head", CLASSIFIER))
register_head(Head("span", "question-answering head", SPAN))
register_head(
    Head("start_conditioned", "start-conditioned question-answering head", START_CONDITIONED, _in_answer_head(START_CONDITIONED))
)
register_head(Head("answerability", "answerability head", ANSWERABILITY, _in_answer_head(ANSWERABILITY)))


def is_pooler(name: str) -> bool:
    """Whether the weight belongs to the pooler, which some checkpoints lack."""
    return name.startswith("bert/pooler/")


def may_be_absent(name: str) -> bool:
    """Whether some checkpoints lack the weight: one of the pooler, or a vector that pre-training alone has."""
    return is_pooler(name) or name.endswith("/mask_emb")


# ALBERT's attention has a number.
_BY_HEADS = re.compile(r"/attention(_\d+)?/self/")
_FROM_HEADS = re.compile(r"/attention(_\d+)?/output/dense/kernel$")


def plain_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an attention weight with its heads side by side; other shapes as they are.

    The model garden stores kernels of query, key and value as [hidden, heads, head size], their biases as [heads, head size]
    and the output's kernel as [heads, head size, hidden].
    """
    if _BY_HEADS.search(name):
        split = 1 if name.endswith("/kernel") else 0
        return (*shape[:split], math.prod(shape[split:]))
    if _FROM_HEADS.search(name):
        return (math.prod(shape[:-1]), shape[-1])
    return tuple(shape)


def garden_shape(name: str, shape: tuple[int, ...], num_attention_heads: int) -> tuple[int, ...]:
    """The inverse of `plain_shape`: the shape of a weight in the model garden's encoder."""
    if _BY_HEADS.search(name):
        return (*shape[:-1], num_attention_heads, shape[-1] // num_attention_heads)
    if _FROM_HEADS.search(name):
        return (num_attention_heads, shape[0] // num_attention_heads, shape[1])
    return tuple(shape)
