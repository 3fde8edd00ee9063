"""TF2 checkpoints: objects and their variables, in every layout of the model garden and in our own."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import garden_networks, object_graph
from bert_tf2.models.checkpoints.bundle import OBJECT_GRAPH, Bundle
from bert_tf2.models.checkpoints.own_layout import own_encoder
from bert_tf2.models.checkpoints.source import Source, StoredTensor, in_table_order, no_encoder
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families import names
from bert_tf2.models.families.base import Family, family_of
from bert_tf2.tensorflow_internals import TrackableObjectGraph

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = "/.OPTIMIZER_SLOT/"
_BOOKKEEPING = ("save_counter", "global_step", "step", "optimizer", "iterations", "do_lower_case")
# Where a training keeps its count of updates: ours, then the garden's.
_STEPS = ("global_step", "optimizer/iter", "optimizer/_iterations", "step", "iterations")


def open_tf2(bundle: Bundle, family: Family | None = None) -> Source:
    """Reads the table of a TF2 checkpoint by walking its object graph.

    Args:
      bundle: the checkpoint.
      family: what the encoder is, of those that it may be; None for the first of them.

    Raises:
      UserError: its object graph is damaged, or holds no encoder of a known family.
    """
    graph = TrackableObjectGraph()
    try:
        graph.ParseFromString(bundle.read(OBJECT_GRAPH))
    except (DecodeError, TypeError):
        raise UserError(f"{bundle.prefix}: its object graph is damaged; copy it again or take another checkpoint") from None
    stored_names = [key for key in bundle.shapes if key != OBJECT_GRAPH]
    found = object_graph.find(object_graph.SavedNode(graph), family) if graph.nodes else object_graph.Found()
    tensors = _tensors(bundle, found)
    family = found.family
    network = garden_networks.find_network(object_graph.SavedNode(graph)) if family is None and graph.nodes else None
    if network is not None:
        family, found.variables = network.family, {name: node for name, (node, _) in network.places.items()}
        tensors = {name: _part(bundle, node.variable, place) for name, (node, place) in network.places.items()}
    if family is None or not family.weights.blocks_in({name: tensor.shape for name, tensor in tensors.items()}):
        raise no_encoder(bundle.prefix, stored_names)
    used = {node.variable for node in found.variables.values()} | _pooler_again(bundle, found)
    notes = found.notes
    if found.pooler_source is not None and not _pooler_again(bundle, found):
        notes = [*notes, f"the pooler was taken from {found.pooler_source}, which was trained instead of the encoder's"]
    others = [key for key in stored_names if key not in used and not _is_slot(key)]
    companions = {
        name: Source(
            "tf2",
            bundle.prefix,
            in_table_order(_tensors(bundle, one), family),
            num_attention_heads=_num_attention_heads(bundle, one, family),
            step=_step(bundle),
            family=family,
        )
        for name, one in found.companions.items()
    }
    return Source(
        "tf2",
        bundle.prefix,
        in_table_order(tensors, family),
        sorted(key.removesuffix(_VALUE) for key in others if key.split("/")[0] not in _BOOKKEEPING),
        optimizer_slots=sum(map(_is_slot, stored_names)),
        num_attention_heads=_num_attention_heads(bundle, found, family),
        notes=notes,
        step=_step(bundle),
        family=family,
        companions=companions,
        reopened={other.name: functools.partial(open_tf2, bundle, other) for other in found.other_families},
    )


def _tensors(bundle: Bundle, found: object_graph.Found) -> dict[str, StoredTensor]:
    keys = {name: node.variable for name, node in found.variables.items()}
    return {name: _tensor(bundle, name, key) for name, key in keys.items() if key in bundle.shapes and bundle.is_floating(key)}


def _step(bundle: Bundle) -> int | None:
    stored = next((name + _VALUE for name in _STEPS if bundle.shapes.get(name + _VALUE) == ()), None)
    return None if stored is None else int(bundle.read(stored))


def _pooler_again(bundle: Bundle, found: object_graph.Found) -> set[str]:
    """The keys of the encoder's pooler where a head's pooler was preferred, if both are the same anyway."""
    keys = set()
    for name, node in found.encoder_pooler.items():
        other = found.variables[name].variable
        if bundle.shapes[node.variable] != bundle.shapes[other]:
            return set()
        if bundle.read(node.variable).tobytes() != bundle.read(other).tobytes():
            return set()
        keys.add(node.variable)
    return keys


def _is_slot(key: str) -> bool:
    return _SLOT in key or key.startswith("optimizer/_variables/")


def _tensor(bundle: Bundle, name: str, key: str) -> StoredTensor:
    shape = names.plain_shape(name, bundle.shapes[key])
    if object_graph.is_logits_kernel(name):
        # The garden's layers of logits are [hidden size, classes].
        return StoredTensor(
            key.removesuffix(_VALUE), shape[::-1], lambda: np.ascontiguousarray(bundle.read_float32(key, shape).T)
        )
    return StoredTensor(key.removesuffix(_VALUE), shape, lambda: bundle.read_float32(key, shape))


def _part(bundle: Bundle, key: str, place: names.GardenPlace) -> StoredTensor:
    """The part of a variable that a weight is."""
    whole = bundle.shapes[key]
    shape = whole if place.row is None else whole[1:]
    axes = place.axes or tuple(range(len(shape)))

    def read() -> np.ndarray:
        value = bundle.read_float32(key, whole)
        return np.ascontiguousarray(np.transpose(value if place.row is None else value[place.row], axes))

    return StoredTensor(key.removesuffix(_VALUE), tuple(shape[axis] for axis in axes), read)


def _num_attention_heads(bundle: Bundle, found: object_graph.Found, family: Family) -> int | None:
    queries = (weight.name for weight in family.weights.block(0) if weight.name.endswith("/self/query/kernel"))
    query = found.variables.get(next(queries, ""))
    shape = bundle.shapes.get(query.variable, ()) if query is not None else ()
    return shape[1] if len(shape) == 3 else None


def write_tf2(prefix: str, tensors: dict[str, StoredTensor], config: BertConfig, kind: str, root_name: str = "encoder") -> None:
    """Writes the weights in the layout of the model garden's functional models.

    Args:
      prefix: path without `.index`; overwritten.
      tensors: by the names of `names.Weight`, with an encoder.
      config: of the encoder.
      kind: `encoder` (also `Checkpoint(model=encoder)`), `pretrainer` (the items of `BertPretrainerV2`), `classifier` or
        `multiple_choice`, `span` or `tagger` (`Checkpoint(model=…)` of the garden's run_classifier, run_squad and
        BertTokenClassifier), or `discriminator` or `start_conditioned` (our own).
      root_name: name of the encoder in the checkpoint, for `encoder` and `pretrainer`.
    """
    builder = _Builder(tensors, config)
    encoder = builder.encoder()
    root = tf.train.Checkpoint()
    if kind in ("classifier", "span", "start_conditioned", "tagger", "multiple_choice", "discriminator"):
        root.model = builder.model_with_head(encoder, kind)
    else:
        setattr(root, root_name, encoder)
        if kind == "pretrainer":
            builder.add_pretrainer_items(root, encoder)
        elif root_name != "model":
            root.model = encoder
    root.write(prefix)


class _Builder:
    """Builds the objects of the garden's models: the same edges in the same order, with bare nodes for their layers."""

    def __init__(self, tensors: dict[str, StoredTensor], config: BertConfig):
        self._tensors = tensors
        # The garden gives the heads an axis of their own.
        self._heads = config.num_attention_heads
        table = family_of(config).weights
        self._blocks, self._has_garden_layout = getattr(config, table.counts), table.has_garden_layout
        self._names = {weight.place: weight.name for weight in table.of(config)}

    def encoder(self) -> tf.Module:
        if self._has_garden_layout:
            return self._garden_encoder()
        names = {place: name for place, name in self._names.items() if name in self._tensors}
        return own_encoder({place: self._variable(name) for place, name in names.items()}, self._blocks)

    def _garden_encoder(self) -> tf.Module:
        tables = ("embedding_layer", "position_embedding_layer", "type_embedding_layer")
        word, position, token_type = (
            _node(embeddings=self._variable(self._names[place,])) if (place,) in self._names else None for place in tables
        )
        if word is not None and ("word_projection",) in self._names:
            word.projection = self._variable(self._names["word_projection",])
        norm = self._layer("bert/embeddings/LayerNorm", "gamma", "beta")
        has_projection = ("embedding_projection", "kernel") in self._names
        projection = [self._part("embedding_projection")] if has_projection else []
        blocks = [self._block("transformer_layers", str(index)) for index in range(self._blocks)]
        # The place of every layer in the functional model; None for the input, dropout and mask layers, which hold nothing
        # but have to be there for `assert_consumed()`.
        order = [None, word, None, position, token_type, None, norm, None, *projection, None, None, *blocks, None]
        pooler = self._layer("bert/pooler/dense") if "bert/pooler/dense/kernel" in self._tensors else None
        if pooler is not None:
            order.append(pooler)
        if has_projection:
            # As `AlbertEncoder` has them.
            return _functional(order, _embedding_layer=word, _position_embedding_layer=position)
        return _functional(
            order,
            _transformer_layers=blocks,
            _embedding_norm_layer=norm,
            _embedding_layer=word,
            _position_embedding_layer=position,
            **({"_type_embedding_layer": token_type} if token_type is not None else {}),
            **({"_pooler_layer": pooler} if pooler is not None else {}),
        )

    def _block(self, *place: str) -> tf.Module:
        attention = _node(
            **{f"_{part}_dense": self._part(*place, "attention_layer", f"{part}_dense") for part in ("query", "key", "value")},
            _softmax=_node(),
            _dropout_layer=_node(),
            _output_dense=self._part(*place, "attention_layer", "output_dense"),
        )
        return _node(
            _attention_layer=attention,
            _attention_dropout=_node(),
            _attention_layer_norm=self._part(*place, "attention_layer_norm"),
            _intermediate_dense=self._part(*place, "intermediate_dense"),
            _intermediate_activation_layer=_node(),
            _inner_dropout_layer=_node(),
            _output_dense=self._part(*place, "output_dense"),
            _output_dropout=_node(),
            _output_layer_norm=self._part(*place, "output_layer_norm"),
        )

    def _part(self, *place: str) -> tf.Module:
        """The layer whose weights have this place."""
        known = {stored[-1]: name for stored, name in self._names.items() if stored[:-1] == place}
        return _node(**{part: self._variable(name) for part, name in known.items()})

    def model_with_head(self, encoder: tf.Module, kind: str) -> tf.Module:
        if kind in ("classifier", "multiple_choice"):
            head = _node(dropout=_node(), out_proj=self._logits(""))
            return _functional([None, None, None, encoder, None, head], classifier=head)
        if kind == "discriminator":
            layers = {"dense": "dense", "dense_prediction": "dense_1"}
            head = _node(**{layer: self._layer(f"discriminator_predictions/{name}") for layer, name in layers.items()})
            return _functional([None, None, None, encoder, head], discriminator_head=head)
        if kind == "tagger":
            head = self._logits("")
            return _functional([None, None, None, encoder, None, head], classifier=head)
        if kind == "start_conditioned":
            head = self._answer_head()
            return _functional([None, None, None, encoder, head], answer_head=head)
        head = _functional([None, self._logits("cls/squad/"), None, None])
        return _functional([None, None, None, encoder, head, None, None], span_labeling=head)

    def _answer_head(self) -> tf.Module:
        """XLNet's for answers, with what says whether there is one where that is there."""
        parts: dict[str, dict[str, tuple[str, ...]]] = {
            "start_logits": {"dense": ()},
            "end_logits": {"dense_0": (), "LayerNorm": ("gamma", "beta"), "dense_1": ()},
            "answer_class": {"dense_0": (), "dense_1": ("kernel",)},
        }
        nodes = {
            part: _node(**{names.answer_layer(layer): self._layer(f"{part}/{layer}", *of) for layer, of in layers.items()})
            for part, layers in parts.items()
            if f"{part}/{next(iter(layers))}/kernel" in self._tensors
        }
        return _node(**nodes)

    def add_pretrainer_items(self, root: tf.train.Checkpoint, encoder: tf.Module) -> None:
        masked_lm = _node(
            embedding_table=encoder._embedding_layer.embeddings,
            dense=self._layer("cls/predictions/transform/dense"),
            layer_norm=self._layer("cls/predictions/transform/LayerNorm", "gamma", "beta"),
        )
        setattr(masked_lm, "output_bias/bias", self._variable("cls/predictions/output_bias"))
        masked_lm.bias = getattr(masked_lm, "output_bias/bias")
        root.masked_lm = masked_lm
        if "cls/seq_relationship/output_weights" in self._tensors:
            # Written again: in the garden's model it is another layer than the encoder's pooler, and one saved object
            # restores one layer only.
            setattr(root, "next_sentence.pooler_dense", self._layer("bert/pooler/dense"))
            setattr(root, "next_sentence.out_proj", self._logits("cls/seq_relationship/"))

    def _layer(self, name: str, *parts: str) -> tf.Module:
        return _node(**{part: self._variable(f"{name}/{part}") for part in parts or ("kernel", "bias")})

    def _logits(self, name: str) -> tf.Module:
        kernel = self._tensors[f"{name}output_weights"].read().T
        return _node(kernel=tf.Variable(kernel), bias=self._variable(f"{name}output_bias"))

    def _variable(self, name: str) -> tf.Variable:
        tensor = self._tensors[name]
        return tf.Variable(tensor.read().reshape(names.garden_shape(name, tensor.shape, self._heads)))


def _node(**children: Any) -> tf.Module:
    node = tf.Module()
    for name, child in children.items():
        setattr(node, name, child)
    return node


def _functional(layers: list[tf.Module | None], **attributes: Any) -> tf.Module:
    """The edges of a functional Keras model: its layers by place, those with weights also by their own count."""
    model, with_weights = tf.Module(), 0
    for index, layer in enumerate(layers):
        if layer is not None:
            setattr(model, f"layer_with_weights-{with_weights}", layer)
            with_weights += 1
        setattr(model, f"layer-{index}", layer or tf.Module())
    for name, value in attributes.items():
        setattr(model, name, value)
    return model
