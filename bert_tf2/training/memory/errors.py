"""What TensorFlow and XLA say where memory does not suffice, in one phrase."""

import re

import tensorflow as tf

_TENSOR = re.compile(r"OOM when allocating tensor with shape\s*\[([\d,\s]*)\] and type (\w+)")
_BYTES = re.compile(r"Out of memory (?:while trying to allocate|allocating) (\d+) bytes")
_OTHER_SIGNS = ("RESOURCE_EXHAUSTED", "Out of memory", "CUDA_ERROR_OUT_OF_MEMORY", "OOM when allocating")
# As TensorFlow's kernels are called where they are not called as `tf.DType`s are.
_DTYPES = {"float": "float32", "double": "float64", "half": "float16"}
_MIB = 1 << 20


def is_out_of_memory(error: tf.errors.OpError) -> bool:
    """Whether a step failed because memory did not suffice; compiled code and CUDA's libraries say it under other names too."""
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return True
    return isinstance(error, tf.errors.InternalError | tf.errors.UnknownError) and any(
        sign in error.message for sign in _OTHER_SIGNS
    )


def what_did_not_fit(error: tf.errors.OpError) -> str:
    """The tensor with its shape, dtype and size, or the size alone, as far as the error has it; else its first line."""
    if found := _TENSOR.search(error.message):
        shape = [int(size) for size in found[1].split(",") if size.strip()]
        dtype = tf.as_dtype(_DTYPES.get(found[2], found[2])) if _is_dtype(found[2]) else None
        size = f", {_mib(tf.TensorShape(shape).num_elements() * dtype.size)}" if dtype is not None else ""
        return f"a tensor of shape {shape} and type {found[2] if dtype is None else dtype.name}{size}"
    if found := _BYTES.search(error.message):
        return _mib(int(found[1]))
    return (error.message.strip().splitlines() or [type(error).__name__])[0][:160]


def _is_dtype(name: str) -> bool:
    try:
        tf.as_dtype(_DTYPES.get(name, name))
    except TypeError:
        return False
    return True


def _mib(size: int) -> str:
    return f"{size / _MIB:,.1f} MiB" if size < 100 * _MIB else f"{size / _MIB:,.0f} MiB"
