"""Serialized records -> dense batches, by the features' descriptions.

Records hold unpadded lists or Google's fixed-length layout; both are taken.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from bert_tf2.data.records.feature_spec import (
    CHOICE_LENGTHS,
    CHOICES,
    END_MARKS,
    LABELS,
    TOKENS,
    FeatureSpec,
    counted_axes,
    with_choice_lengths,
)

_LISTS = {"int64": "int64_list", "float32": "float_list", "string": "bytes_list"}
_Size: TypeAlias = int | tf.Tensor
_Values: TypeAlias = tf.Tensor | tf.RaggedTensor
_Feature: TypeAlias = tf.io.FixedLenFeature | tf.io.FixedLenSequenceFeature | tf.io.RaggedFeature


def parse_records(
    serialized: tf.Tensor, specs: Iterable[FeatureSpec], sizes: Mapping[str, _Size] | None = None
) -> dict[str, tf.Tensor]:
    """Turns serialized records into a dense batch.

    Args:
      serialized: string [B].
      specs: the features to parse; those with `in_batch` False are left out.
      sizes: the sizes of axes by name, numbers or int32 []. An axis that is not here is as long as the record with the most,
        where the trailing padding of fixed-length records does not count.

    Returns:
      Tensors by batch name: [B, …] with the axes of the feature's shape, filled up with the feature's `pad`.

    Raises (when the records are read):
      tf.errors.InvalidArgumentError: a record is no `tf.train.Example`, lacks a feature, holds it with another type, is longer
        than a size asked for, has another number of labels, or lengths of choices that do not fit.
    """
    specs, asked = [spec for spec in specs if spec.in_batch], sizes or {}
    parsed = _parse(serialized, specs)
    found = {}
    for axis in dict.fromkeys(axis for spec in specs for axis in spec.shape):
        of_axis = [(spec, parsed[spec.name]) for spec in specs if axis in spec.shape]
        found[axis] = _size(axis, of_axis, asked.get(axis))
    batch = {}
    for spec in specs:
        values = parsed[spec.name]
        if spec.shape:
            values = _of_shape(values, [found[axis] for axis in spec.shape], spec.pad)
        batch[spec.key] = tf.cast(values, spec.batch_dtype or ("int32" if spec.dtype == "int64" else "float32"))
    return batch


def row_sizes(serialized: tf.Tensor, specs: Sequence[FeatureSpec]) -> dict[str, tf.Tensor]:
    """The sizes of records, without padding, on the axes of `counted_axes`: int32 [B] by axis.

    A record has as many tokens as its longest choice, and 1 where it has no feature of tokens.

    Raises (when the records are read):
      tf.errors.InvalidArgumentError: as `parse_records`.
    """
    sizes = {}
    for axis in counted_axes(specs):
        of_axis = [spec for spec in specs if spec.in_batch and axis in spec.shape]
        mark = next((spec for spec in of_axis if spec.name == END_MARKS.get(axis)), None)
        if not of_axis:
            size = tf.ones(tf.shape(serialized), tf.int32)
        elif mark is not None:
            used = _used(_dense(_parse(serialized, [mark])[mark.name]))
            size = tf.reduce_max(used, axis=1) if mark.by_choice else used
        elif of_axis[0].by_choice:
            lengths = _parse(serialized, [CHOICE_LENGTHS])[CHOICE_LENGTHS.name]
            size = lengths.row_lengths() if axis == CHOICES else tf.reduce_max(lengths, axis=1)
        else:
            size = _parse(serialized, [of_axis[0]], exact=True)[of_axis[0].name].row_lengths()
        sizes[axis] = tf.cast(tf.maximum(size, 0), tf.int32)
    return sizes


def values_of(example: tf.train.Example, spec: FeatureSpec) -> Any:
    """What one record holds of a feature: a value, a list, or a list for each choice; texts as `str`.

    Records of other writers may lack what is in no batch; then it is empty, or the default.

    Raises:
      ValueError: it lacks the feature, holds it with another type or another number of values, or it is no text in UTF-8.
    """
    held = example.features.feature
    name = next((name for name in (spec.name, *spec.aliases) if name in held), None)
    if name is None:
        if spec.in_batch and not spec.optional:
            raise ValueError(f"it has no feature '{spec.name}'")
        return [] if spec.shape else "" if spec.dtype == "string" else spec.default
    if held[name].WhichOneof("kind") not in (_LISTS[spec.dtype], None):
        raise ValueError(f"the feature '{name}' does not hold {spec.dtype}")
    values = list(getattr(held[name], _LISTS[spec.dtype]).value)
    if spec.dtype == "string":
        values = [value.decode("utf-8", "surrogatepass") for value in values]
    if spec.by_choice:
        ends = list(itertools.accumulate(held[CHOICE_LENGTHS.name].int64_list.value, initial=0))
        if ends[-1] != len(values):
            raise ValueError(f"choice_lengths do not add up to the number of {name}")
        return [values[begin:end] for begin, end in itertools.pairwise(ends)]
    if not spec.shape and len(values) != 1:
        raise ValueError(f"the feature '{name}' has {len(values)} values; it must have 1")
    return values if spec.shape else values[0]


def _parse(serialized: tf.Tensor, specs: Sequence[FeatureSpec], exact: bool = False) -> dict[str, _Values]:
    """Values by name: [B], and of lists [B, N], or ragged where the number of values of each record matters."""
    read = with_choice_lengths(specs)
    wanted = {name: _feature(spec, name, exact) for spec in read for name in (spec.name, *spec.aliases)}
    parsed = tf.io.parse_example(serialized, wanted)
    values = {spec.name: _under_any_name(parsed, spec) for spec in read}
    lengths = values.get(CHOICE_LENGTHS.name)
    for spec in specs:
        if spec.by_choice:
            values[spec.name] = _of_choices(values[spec.name], lengths, spec.name)
        elif spec.shape == (CHOICES,) and lengths is not None:
            values[spec.name] = _one_for_each_choice(values[spec.name], lengths, spec.name)
    return values


def _feature(spec: FeatureSpec, name: str, exact: bool) -> _Feature:
    if not spec.shape:
        return tf.io.FixedLenFeature([], spec.dtype, tf.constant(spec.default, spec.dtype) if spec.optional else None)
    if exact or spec.shape[0] in (CHOICES, LABELS):
        return tf.io.RaggedFeature(tf.as_dtype(spec.dtype), name, row_splits_dtype=tf.int64)
    return tf.io.FixedLenSequenceFeature([], spec.dtype, allow_missing=True, default_value=spec.pad)


def _under_any_name(parsed: Mapping[str, _Values], spec: FeatureSpec) -> _Values:
    """The feature under whichever of its names a record holds it: one of them; the others parse as empty or as padding."""
    values = parsed[spec.name]
    for alias in spec.aliases:
        other = parsed[alias]
        if isinstance(values, tf.RaggedTensor):
            values = tf.concat([values, other], axis=1)
        else:
            width = [tf.maximum(tf.shape(values)[1], tf.shape(other)[1])]
            values = _of_shape(values, width, spec.pad) + _of_shape(other, width, spec.pad) - spec.pad
    return values


def _of_choices(values: tf.RaggedTensor, lengths: tf.RaggedTensor, name: str) -> tf.RaggedTensor:
    """Splits the values of each record [B, (N)] into those of its choices [B, (C), (L)]."""
    counts = _checked(
        lengths.values,
        tf.debugging.assert_non_negative(lengths.values, "choice_lengths must not be negative"),
        tf.debugging.assert_equal(
            tf.reduce_sum(lengths, axis=1), values.row_lengths(), f"choice_lengths do not add up to the number of {name}"
        ),
    )
    return lengths.with_values(tf.RaggedTensor.from_row_lengths(values.values, counts, validate=False))


def _one_for_each_choice(values: tf.RaggedTensor, lengths: tf.RaggedTensor, name: str) -> tf.RaggedTensor:
    message = f"there must be as many {name} as choice_lengths"
    check = tf.debugging.assert_equal(values.row_lengths(), lengths.row_lengths(), message)
    return values.with_values(_checked(values.values, check))


def _size(axis: str, lists: Sequence[tuple[FeatureSpec, _Values]], asked: _Size | None) -> tf.Tensor:
    """The size of an axis: that asked for, or that of the longest of these lists."""
    mark = next((values for spec, values in lists if spec.name == END_MARKS.get(axis)), None)
    if mark is not None:
        longest = tf.reduce_max(tf.concat([[0], tf.reshape(_used(_dense(mark)), [-1])], 0))
        if axis == TOKENS:
            # A record without tokens or without a mask is not padding to be cut away; it is a record of another kind.
            message = "the records hold no input_mask; were they written for another task?"
            longest = _checked(longest, tf.debugging.assert_positive(longest, message))
    else:
        longest = tf.reduce_max([_longest(values, 1 + spec.shape.index(axis)) for spec, values in lists])
    if axis == LABELS:
        counts = tf.concat([values.row_lengths() for _, values in lists], 0)
        check = tf.debugging.assert_equal(counts, counts[:1], "all records must have the same number of labels")
        longest = _checked(longest, check)
    if asked is None:
        return longest
    if axis == LABELS:
        check = tf.debugging.assert_equal(longest, asked, f"the number of labels must be {_told(asked)}")
    else:
        message = f"a record is longer than {_told(asked)} {axis}, the size asked for"
        check = tf.debugging.assert_less_equal(longest, asked, message)
    if isinstance(asked, tf.Tensor):
        return _checked(asked, check)
    with tf.control_dependencies([check] if check is not None else []):
        return tf.constant(asked)


def _told(size: _Size) -> str:
    return "the batch's" if isinstance(size, tf.Tensor) else str(size)


def _longest(values: _Values, axis: int) -> tf.Tensor:
    return tf.cast(values.bounding_shape(axis), tf.int32) if isinstance(values, tf.RaggedTensor) else tf.shape(values)[axis]


def _used(values: tf.Tensor) -> tf.Tensor:
    """How many places of the last axis there are up to the last that is not 0: int32 without that axis, below 0 for no place."""
    return tf.reduce_max(tf.cast(values != 0, tf.int32) * (1 + tf.range(tf.shape(values)[-1])), axis=-1)


def _dense(values: _Values, pad: float = 0) -> tf.Tensor:
    return values.to_tensor(pad) if isinstance(values, tf.RaggedTensor) else values


def _of_shape(values: _Values, sizes: Sequence[tf.Tensor], pad: float) -> tf.Tensor:
    """Cuts and fills up the axes after the first."""
    values = _dense(values, pad)[(slice(None), *(slice(size) for size in sizes))]
    missing = [[0, size - tf.shape(values)[number]] for number, size in enumerate(sizes, 1)]
    filled = tf.pad(values, [[0, 0], *missing], constant_values=tf.cast(pad, values.dtype))
    return tf.ensure_shape(filled, [None, *map(tf.get_static_value, sizes)])


def _checked(value: tf.Tensor, *checks: tf.Operation | None) -> tf.Tensor:
    """The value, once these checks passed; eagerly they already have."""
    with tf.control_dependencies([check for check in checks if check is not None]):
        return tf.identity(value)
