"""Conversion between the formats, verified by reading back."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bert_tf2 import folders
from bert_tf2.errors import JobError, UserError
from bert_tf2.models.checkpoints import bundle, formats, hugging_face
from bert_tf2.models.checkpoints.loading import fitted
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.checkpoints.tf1 import write_tf1
from bert_tf2.models.checkpoints.tf2 import write_tf2
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families import names
from bert_tf2.models.families.base import Family, family_of
from bert_tf2.progress import during

HEADS_OF = {
    "encoder": (),
    "pretrainer": ("masked_lm", "next_sentence"),
    "discriminator": ("discriminator",),
    "classifier": ("classifier",),
    "span": ("span",),
    "start_conditioned": ("start_conditioned", "answerability"),
    "tagger": ("classifier",),
    "multiple_choice": ("classifier",),
}
"""What a converted model holds besides the encoder."""

# The first whose head is there is taken, unless somebody says which: some call their weights as a classifier does.
_REQUIRED_HEAD = {
    "pretrainer": "masked_lm",
    "discriminator": "discriminator",
    "classifier": "classifier",
    "span": "span",
    "start_conditioned": "start_conditioned",
    "tagger": "classifier",
    "multiple_choice": "classifier",
}


@dataclasses.dataclass(frozen=True)
class Converted:
    """What was written: the format, the kind of model, the path, the weights by plain names, and what was left out."""

    format: str
    kind: str
    path: str
    weights: list[str]
    unused: list[str]


@during("converting")
def convert(
    source: Source,
    config: BertConfig,
    path: str,
    to: str,
    *,
    kind: str | None = None,
    root_name: str = "encoder",
    tokenizer: Any = None,
    label_names: Sequence[str] = (),
    problem_type: str | None = None,
) -> Converted:
    """Writes a checkpoint in another format, reads it back and compares every tensor bit for bit.

    A `discriminator` goes with its generator where TF1 code has both in one file.

    Args:
      source: an opened checkpoint.
      config: its shape.
      path: exactly this prefix (`tf2`, `tf1`) or folder (`huggingface`) is written, whole or not at all.
      to: `tf2`, `tf1` or `huggingface`.
      kind: one of `HEADS_OF`; None for whatever the source holds.
      root_name: what the encoder is called in a `tf2` checkpoint.
      tokenizer: the model's, whose files go into a Hugging Face folder.
      label_names, problem_type: of a classifier or tagger, for a Hugging Face folder; see `hugging_face.write_hugging_face`.

    Raises:
      UserError: the configuration is not the checkpoint's, the source lacks something, or the target exists.
      JobError: the target could not be written.
    """
    source = fitted(source, config)
    kind = kind or _kind(source)
    tensors = select(source, config, kind)
    family = family_of(config)
    table, title = family.weights, family.title
    companions = {name: one.tensors for name, one in source.companions.items()} if (to, kind) == ("tf1", "discriminator") else {}
    if to == "tf1" and table.tf1 is None:
        raise UserError(f"--to=tf1: {title} has no TF1 code that could read it; give --to=tf2 or --to=huggingface")
    if to == "huggingface" and table.hugging_face is None:
        raise UserError(f"--to=huggingface: {title} has no class in transformers; give --to=tf2 or --to=tf1")
    if to == "huggingface" and not hugging_face.has_class(config, kind):
        raise UserError(f"--to=huggingface: transformers has no {title} with a {kind} head; give --to=tf2 or --to=tf1")
    if to == "huggingface" and config.attention_head_size is not None:
        raise UserError(
            f"--to=huggingface: the classes of transformers share hidden_size {config.hidden_size} among all heads; here are "
            f"{config.num_attention_heads} of {config.head_size} left after others were pruned; give --to=tf2"
        )
    if to == "huggingface":
        tensors = hugging_face.named(tensors, config, kind)
    with _target(path, to) as temporary:
        if to == "tf2":
            write_tf2(temporary, tensors, config, kind, root_name)
        elif to == "tf1":
            write_tf1(temporary, tensors, family, companions)
        else:
            hugging_face.write_hugging_face(temporary, tensors, config, kind, tokenizer, label_names, problem_type)
        verify(temporary, tensors, family, companions)
    others = source.without_companions().others if companions else source.others
    unused = [tensor.stored_name for name, tensor in source.tensors.items() if name not in tensors] + others
    return Converted(to, kind, path, list(tensors), unused)


def _kind(source: Source) -> str:
    """The fullest model that the source holds."""
    for kind, head in _REQUIRED_HEAD.items():
        if source.head(head):
            return kind
    return "encoder"


def select(source: Source, config: BertConfig, kind: str) -> dict[str, StoredTensor]:
    """The weights that a model of the given kind holds.

    Raises:
      UserError: the source lacks some of the encoder or the head.
    """
    weights = family_of(config).weights.of(config)
    absent = [weight.name for weight in weights if weight.name not in source.tensors and not names.may_be_absent(weight.name)]
    if absent:
        raise UserError(f"{source.path}: weights of the encoder are missing: {', '.join(absent[:6])}")
    required = _REQUIRED_HEAD.get(kind)
    if required is not None and not source.head(required):
        present = [name for name in names.HEADS if source.head(name)] or ["none"]
        raise UserError(
            f"--converted_model={kind} needs a {required} head; {source.path} holds these heads: {', '.join(present)}"
        )
    tensors = {weight.name: source.tensors[weight.name] for weight in weights if weight.name in source.tensors}
    for head in HEADS_OF[kind]:
        # Without a pooler there is nothing that the next-sentence head could stand on.
        if head != "next_sentence" or "bert/pooler/dense/kernel" in tensors:
            tensors |= source.head(head)
    return tensors


@contextlib.contextmanager
def _target(path: str, to: str) -> Iterator[str]:
    written_whole = folders.written_whole if to == "huggingface" else bundle.written_whole
    with written_whole(path) as temporary:
        yield temporary


@during("comparing what was written")
def verify(
    path: str,
    expected: Mapping[str, StoredTensor],
    family: Family,
    companions: Mapping[str, Mapping[str, StoredTensor]] | None = None,
) -> None:
    """Reads a written checkpoint of a family and compares it with what it was made from, bit for bit.

    Raises:
      JobError: a tensor is absent, or differs.
    """
    written = formats.open_source(path).of_family(family)
    _compare(written.tensors, expected)
    for name, tensors in (companions or {}).items():
        _compare(written.companions[name].tensors if name in written.companions else {}, tensors)


def _compare(written: Mapping[str, StoredTensor], expected: Mapping[str, StoredTensor]) -> None:
    if set(written) != set(expected):
        raise JobError(f"reading back what was written found other tensors: {sorted(set(written) ^ set(expected))[:6]}")
    for name, tensor in expected.items():
        one, other = tensor.read(), written[name].read()
        if one.shape != other.shape or not np.array_equal(one.view(np.uint32), other.view(np.uint32)):
            raise JobError(f"reading back what was written found another value for {name}; the disk or the source is faulty")
