"""Chains of elementwise operations as single passes over memory.

A training step spends as much time moving activations through chains of small operations as a fifth of its matrix products.
XLA makes one loop of such a chain. Its matrix products on CPU are slower than oneDNN's, and it compiles anew for every shape, so
only these chains are given to it, each in a form small enough to compile in about a tenth of a second.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


class Kernel:
    """A function of tensors that may be compiled; all layers share one instance, so a shape is compiled once for all of them.

    Args:
      function: takes tensors, then numbers and strings that it is specialised on.
    """

    def __init__(self, function: Callable):
        self._plain = function
        self._compiled = tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

    def __call__(self, compiled: bool, *args) -> Any:
        """Applies the function, as one compiled loop when `compiled`."""
        return (self._compiled if compiled else self._plain)(*args)


def worth_compiling(width: int) -> bool:
    """Whether kernels should be compiled for a model of this width on this machine.

    Narrow models train faster than they compile. On GPU and TPU the whole step is what is given to XLA, on request or always.
    """
    return width >= 128 and not tf.config.list_physical_devices("GPU") and not tf.config.list_logical_devices("TPU")
