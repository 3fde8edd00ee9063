"""Finds an encoder and its heads in a graph of objects: a saved one (`tf.train.Checkpoint`) or a living model.

The keys of a TF2 checkpoint are only the shortest paths at the time of saving: a pre-training checkpoint keeps the word
embeddings under the masked-LM head. What holds is the graph, in which every object is reached by every name it ever had.
The model garden's layouts since 2019 differ in those names; `_parts` knows them all.
"""

import collections
import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Protocol

import tensorflow as tf

from bert_tf2.models.families import names
from bert_tf2.models.families.base import Family, families, families_of
from bert_tf2.tensorflow_internals import TrackableObjectGraph


class Node(Protocol):
    """An object of either graph."""

    @property
    def key(self) -> Hashable:
        """Equal for the same object, by whatever path it was reached."""

    @property
    def variable(self) -> Any:
        """The variable (living) or its key in the file (saved); None for other objects."""

    def children(self) -> Mapping[str, "Node"]:
        """The objects it refers to, by the names of the references."""


class SavedNode:
    """An object in the graph that a TF2 checkpoint holds."""

    def __init__(self, graph: TrackableObjectGraph, index: int = 0):
        self._graph = graph
        self.key = index
        values = [entry.checkpoint_key for entry in graph.nodes[index].attributes if entry.name == "VARIABLE_VALUE"]
        self.variable = values[0] if values else None

    def children(self) -> dict[str, "SavedNode"]:
        """The objects it refers to."""
        size = len(self._graph.nodes)
        references = self._graph.nodes[self.key].children
        return {child.local_name: SavedNode(self._graph, child.node_id) for child in references if 0 <= child.node_id < size}


class LiveNode:
    """An object of a living model."""

    def __init__(self, trackable: Any, view: tf.train.TrackableView | None = None):
        self._view = view or tf.train.TrackableView(trackable)
        self._trackable = trackable
        self.key = id(trackable)
        self.variable = trackable if isinstance(trackable, tf.Variable) else None

    def children(self) -> dict[str, "LiveNode"]:
        """The objects it refers to."""
        if self.variable is not None:
            return {}
        return {name: LiveNode(child, self._view) for name, child in self._view.children(self._trackable).items()}


@dataclasses.dataclass
class Found:
    """What `find` found.

    Attributes:
      variables: by plain names.
      family: what the encoder is; None where there is none.
      other_families: what it may be as well, by all that the graph tells.
      notes: remarks for a person.
      pooler_source: where the pooler was found if not in the encoder; the encoder's own is then in `encoder_pooler`.
      companions: what was found of the encoders beside this one, and their heads, by the names of `Family.companions`.
    """

    variables: dict[str, Node] = dataclasses.field(default_factory=dict)
    family: Family | None = None
    other_families: list[Family] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    pooler_source: str | None = None
    encoder_pooler: dict[str, Node] = dataclasses.field(default_factory=dict)
    companions: dict[str, "Found"] = dataclasses.field(default_factory=dict)


def find(root: Node, family: Family | None = None) -> Found:
    """Finds the encoder nearest to `root`, and the heads.

    Args:
      root: the root of a graph.
      family: what the encoder is where it may be of several; None for the first of them, BERT before others.

    Returns:
      Variables by the names of `names.Weight`; none of the encoder's if there is no encoder. The layers of logits are found
      as the garden has them, [hidden size, classes]: the transpose of the plain form.
    """
    found, beside = Found(), _companions(root)
    if family is None and beside:
        # What lies beside an encoder tells its family.
        family = next(one for one in families.all() if set(one.companions) & set(beside.values()))
    nodes = [(node, parts) for node in walk(root) if (parts := _parts(node)) is not None]
    encoders = [(node, parts) for node, parts in nodes if node.key not in beside]
    if encoders:
        encoder, parts = encoders[0]
        _add_encoder(found, parts, family)
        if len(encoders) > 1:
            found.notes.append(f"it holds {len(encoders)} encoders; the one nearest to the root was taken")
    for node in walk(root):
        children = _plain_children(node)
        if encoders and _same(children.get("layer_with_weights-0"), encoder):
            _add_head_on(found, children)
            _add_registered_heads(found, node)
        elif encoders and beside and _same(children.get("encoder"), encoder):
            # Keras has the encoder first that is computed first.
            _add_registered_heads(found, node)
        if "output_bias/bias" in children and "dense" in children and "layer_norm" in children:
            _add_masked_lm(found, children)
    _add_pretrainer_items(found, root)
    for node, parts in nodes:
        if node.key in beside:
            _add_companion(found, beside[node.key], parts)
    return found


def _companions(root: Node) -> dict[Hashable, str]:
    """The encoders that something refers to by the name of a family's companion: that name, by their keys."""
    known = {name for family in families.all() for name in family.companions}
    references = (reference for node in walk(root) for reference in node.children().items())
    return {node.key: name for name, node in references if name in known}


def _add_companion(found: Found, name: str, parts: "_Parts") -> None:
    """Adds an encoder that lies beside the one found, and gives it the heads that stand on it."""
    companion = found.family.companions.get(name) if found.family is not None else None
    if companion is None or name in found.companions:
        return
    beside = found.companions[name] = Found()
    _add_encoder(beside, parts, found.family)
    for head in companion.head_names & set(found.variables):
        beside.variables[head] = found.variables.pop(head)


def is_logits_kernel(name: str) -> bool:
    """Whether the garden stores the weight transposed: the kernels of classification layers."""
    return name.endswith("output_weights")


def walk(root: Node) -> Iterator[Node]:
    """All objects, the nearest first, each once."""
    # The nodes themselves are kept: a living object that nothing refers to any more would free its key for another.
    queue, seen = collections.deque([root]), {root.key: root}
    while queue:
        node = queue.popleft()
        yield node
        for child in node.children().values():
            if child.key not in seen:
                seen[child.key] = child
                queue.append(child)


def _same(one: Node | None, other: Node) -> bool:
    return one is not None and one.key == other.key


def _plain_children(node: Node) -> dict[str, Node]:
    """Children by name without the leading underscore that marks private attributes."""
    return {name.lstrip("_"): child for name, child in node.children().items()}


def _list(node: Node | None) -> list[Node]:
    """The items of a list in the graph."""
    children = node.children() if node is not None else {}
    return [children[str(index)] for index in range(len(children)) if str(index) in children]


@dataclasses.dataclass
class _Parts:
    """The parts of an encoder in any layout, with the names by which `Weight.place` begins; of embeddings the variables."""

    embedding_layer: Node | None
    position_embedding_layer: Node | None
    type_embedding_layer: Node | None
    embedding_norm_layer: Node | None
    transformer_layers: list[Node]
    pooler_layer: Node | None
    embedding_projection: Node | None = None
    word_projection: Node | None = None
    mask_embedding: Node | None = None


def _parts(node: Node) -> _Parts | None:
    """The parts of the encoder that `node` is, or None."""
    children = _plain_children(node)
    if "embedding_layer" in children and "transformer_layers" in children:
        of_words = _plain_children(children["embedding_layer"])
        parts = _Parts(
            _table(children.get("embedding_layer")),
            _table(children.get("position_embedding_layer")),
            _table(children.get("type_embedding_layer")),
            children.get("embedding_norm_layer"),
            _list(children["transformer_layers"]),
            children.get("pooler_layer"),
            children.get("embedding_projection"),
            of_words.get("projection"),
            of_words.get("mask_embedding"),
        )
    elif "embedding_lookup" in children and "embedding_postprocessor" in children:
        # The subclassed model of 2019 (gs://cloud-tpu-checkpoints/bert/tf_20).
        post = _plain_children(children["embedding_postprocessor"])
        encoder = _plain_children(children["encoder"]) if "encoder" in children else {}
        parts = _Parts(
            _table(children["embedding_lookup"]),
            post.get("position_embeddings"),
            post.get("type_embeddings"),
            post.get("output_layer_norm"),
            _list(encoder.get("layers")),
            children.get("pooler_transform"),
        )
    else:
        layers: list[Node] = []
        while f"layer_with_weights-{len(layers)}" in children:
            layers.append(children[f"layer_with_weights-{len(layers)}"])
        # ALBERT's embeddings are projected to the width of its blocks.
        first = 5 if len(layers) > 5 and not _is_block(layers[4]) and "kernel" in layers[4].children() else 4
        if len(layers) <= first or not _is_block(layers[first]):
            return None
        blocks = [layer for layer in layers[first:] if _is_block(layer)]
        pooler = layers[first + len(blocks)] if len(layers) > first + len(blocks) else None
        word, position, token_type, norm, *projection = layers[:first]
        parts = _Parts(_table(word), _table(position), _table(token_type), norm, blocks, pooler, *projection)
    return parts if parts.transformer_layers and all(map(_is_block, parts.transformer_layers)) else None


def _is_block(node: Node) -> bool:
    children = _plain_children(node)
    return "attention_layer" in children and "intermediate_dense" in children


def _table(node: Node | None) -> Node | None:
    """The variable of an embedding layer."""
    if node is None:
        return None
    children = node.children()
    variables = [child for child in children.values() if child.variable is not None]
    return children.get("embeddings") or (variables[0] if variables else None)


def _add(found: Found, name: str, variable: Node | None) -> None:
    if variable is not None and variable.variable is not None:
        found.variables[name] = variable


def _add_all(found: Found, name: str, node: Node | None, parts: tuple[str, ...] = ("kernel", "bias")) -> None:
    children = node.children() if node is not None else {}
    for part in parts:
        _add(found, f"{name}/{part}", children.get(part))


def _add_encoder(found: Found, parts: _Parts, wanted: Family | None) -> None:
    """Adds the encoder's variables, by the names of a family of those that explain them best: the wanted one, or the first."""
    locate, by_family, blocks = _Locator(parts), {}, len(parts.transformer_layers)
    for family in families.all():
        located = ((weight.name, locate(weight.place)) for weight in family.weights.encoder(blocks))
        by_family[family.name] = {name: node for name, node in located if node is not None and node.variable is not None}
    best = families_of(by_family, blocks)
    found.family = next((family for family in best if wanted is not None and family.name == wanted.name), best[0])
    found.other_families = [family for family in best if family.name != found.family.name]
    found.variables |= by_family[found.family.name]


class _Locator:
    """Follows `Weight.place`; what an object refers to is asked for once."""

    def __init__(self, parts: _Parts):
        self._parts = parts
        self._children: dict[Hashable, dict[str, Node]] = {}

    def __call__(self, place: tuple[str, ...]) -> Node | None:
        part, *steps = place
        node = getattr(self._parts, part, None)
        if isinstance(node, list):
            node = node[int(steps.pop(0))]
        return self._followed(node, steps)

    def _followed(self, node: Node | None, steps: list[str]) -> Node | None:
        for number, step in enumerate(steps):
            if node is None:
                return None
            if node.key not in self._children:
                self._children[node.key] = _plain_children(node)
            children = self._children[node.key]
            following = children.get(step)
            if step == "attention_layer" and steps[number + 1] == "output_dense" and "attention_output_dense" in children:
                # Until mid-2020 the attention's output was a layer of the block.
                within = self._followed(following, steps[number + 1 :])
                return within or self._followed(children["attention_output_dense"], steps[number + 2 :])
            node = following
        return node


def _add_logits(found: Found, name: str, node: Node | None) -> None:
    children = node.children() if node is not None else {}
    _add(found, f"{name}output_weights", children.get("kernel"))
    _add(found, f"{name}output_bias", children.get("bias"))


def _add_masked_lm(found: Found, children: dict[str, Node]) -> None:
    _add_all(found, "cls/predictions/transform/dense", children["dense"])
    _add_all(found, "cls/predictions/transform/LayerNorm", children["layer_norm"], ("gamma", "beta"))
    _add(found, "cls/predictions/output_bias", children["output_bias/bias"])


def _add_head_on(found: Found, children: dict[str, Node]) -> None:
    """Adds the head of a functional model whose first layer is the encoder."""
    head = children.get("layer_with_weights-1")
    layers = _plain_children(head) if head is not None else {}
    if "out_proj" in layers:
        _add_logits(found, "", layers["out_proj"])
        _take_pooler(found, layers.get("dense"), "the classification head")
    elif "span_labeling" in children:
        _add_logits(found, "cls/squad/", layers.get("layer_with_weights-0"))
    elif "masked_lm" in children:
        _add_logits(found, "cls/seq_relationship/", layers.get("layer_with_weights-0"))
    elif "classifier" in children:
        # A layer of its own, or in the garden's token classifier the head itself.
        _add_logits(found, "", head if "kernel" in layers else layers.get("layer_with_weights-0"))


def _add_registered_heads(found: Found, model: Node) -> None:
    """Adds the heads that say themselves where their variables are."""
    for head in names.HEADS.values():
        for name, place in head.places.items():
            node: Node | None = model
            for step in place:
                node = _plain_children(node).get(step.lstrip("_")) if node is not None else None
            _add(found, name, node)


def _add_pretrainer_items(found: Found, root: Node) -> None:
    """Adds what the garden's models save beside or above their encoder: the heads' own poolers.

    `checkpoint_items` names them after the head: `next_sentence.pooler_dense` of a pre-trainer, of a classifier
    `sentence_prediction.pooler_dense`. A whole pre-trainer keeps its heads in a list.
    """
    children = root.children()
    items = sorted((name for name in children if name.endswith(".pooler_dense")), key=lambda name: name != _NEXT_SENTENCE_ITEM)
    dense = children.get(_NEXT_SENTENCE_ITEM)
    if items and (dense is not None or found.pooler_source is None):
        _take_pooler(found, children[items[0]], items[0])
        if len(items) > 1:
            found.notes.append(f"it holds the poolers of {len(items)} heads; that of {items[0]} was taken")
    if not items and found.pooler_source is None:
        _take_pooler_of_listed_head(found, root)
    _add_logits(found, "cls/seq_relationship/", children.get("next_sentence.out_proj"))
    if dense is None:
        return
    for node in walk(root):
        layers = _plain_children(node)
        if _same(layers.get("dense"), dense):
            _add_logits(found, "cls/seq_relationship/", layers.get("out_proj"))


def _take_pooler_of_listed_head(found: Found, root: Node) -> None:
    """Takes the pooler of the first of a pre-trainer's classification heads."""
    for node in walk(root):
        heads = _list(_plain_children(node).get("classification_heads"))
        denses = [dense for head in heads if (dense := _plain_children(head).get("dense")) is not None]
        if denses:
            _take_pooler(found, denses[0], "the pre-trainer's classification head")
            if len(denses) > 1:
                found.notes.append(f"it holds the poolers of {len(denses)} heads; the first was taken")
            return


_NEXT_SENTENCE_ITEM = "next_sentence.pooler_dense"


def _take_pooler(found: Found, dense: Node | None, where: str) -> None:
    """Prefers the pooler of a head: the garden trains it instead of the encoder's."""
    children = dense.children() if dense is not None else {}
    own = {name: node for name, node in found.variables.items() if names.is_pooler(name)}
    if "kernel" not in children or _same(own.get("bert/pooler/dense/kernel"), children["kernel"]):
        return
    _add_all(found, "bert/pooler/dense", dense)
    found.pooler_source, found.encoder_pooler = where, own
