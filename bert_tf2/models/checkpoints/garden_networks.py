"""Encoders that the model garden builds otherwise than its BERT, in the object graph of a checkpoint.

Their weights say themselves where they are (`names.GardenPlace`). They are read, and written as our own models save them.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from bert_tf2.models.checkpoints.object_graph import Node, walk
from bert_tf2.models.families.base import Family, families
from bert_tf2.models.families.names import CLASSIFIER, GardenPlace


@dataclasses.dataclass(frozen=True)
class GardenNetwork:
    """An encoder that was found.

    Attributes:
      family: what it is.
      places: by plain names the variable of each weight, and which part of it the weight is.
    """

    family: Family
    places: dict[str, tuple[Node, GardenPlace]]


def find_network(root: Node) -> GardenNetwork | None:
    """The encoder nearest to `root`, with the garden's classification head on it if there is one; None for no encoder."""
    marks = {family.weights.garden_mark: family for family in families.all() if family.weights.garden_mark is not None}
    for node in walk(root):
        found = marks.keys() & _plain(node).keys()
        if found:
            family = marks[min(found, key=str)]
            places = dict(_encoder(node, family)) | dict(_classifier(root, node, family))
            return GardenNetwork(family, places)
    return None


def _encoder(network: Node, family: Family) -> Iterator[tuple[str, tuple[Node, GardenPlace]]]:
    blocks = 0
    while True:
        found = list(_located(network, [(weight.name, weight.garden) for weight in family.weights.block(blocks)]))
        # What is stacked is there for any number of blocks.
        if not any(place.row is None for _, (_, place) in found):
            break
        blocks += 1
        yield from found
    yield from _located(network, [(weight.name, weight.garden) for weight in family.weights.embeddings])


def _classifier(root: Node, network: Node, family: Family) -> Iterator[tuple[str, tuple[Node, GardenPlace]]]:
    """The summary's layer and the logits, of a model that has the encoder as `network` and a `classifier`."""
    for node in walk(root):
        children = _plain(node)
        if "classifier" in children and "network" in children and children["network"].key == network.key:
            kernel, bias = family.weights.pooler
            logits, logits_bias = CLASSIFIER
            names = [
                (kernel.name, GardenPlace(("classifier", "dense", "kernel"))),
                (bias.name, GardenPlace(("classifier", "dense", "bias"))),
                (logits.name, GardenPlace(("classifier", "out_proj", "kernel"), axes=(1, 0))),
                (logits_bias.name, GardenPlace(("classifier", "out_proj", "bias"))),
            ]
            yield from _located(node, names)
            return


def _located(start: Node, wanted: Sequence[tuple[str, GardenPlace | None]]) -> Iterator[tuple[str, tuple[Node, GardenPlace]]]:
    """Those of the weights that are there."""
    for name, place in wanted:
        node: Node | None = start
        for step in place.path if place is not None else ():
            node = _plain(node).get(step) if node is not None else None
        if place is not None and node is not None and node.variable is not None:
            yield name, (node, place)


def _plain(node: Node) -> dict[str, Node]:
    return {name.lstrip("_"): child for name, child in node.children().items()}
