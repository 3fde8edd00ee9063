"""Whether layers are traced for a converter to another runtime, which knows operations by the forms it was taught."""

import contextlib
import threading
from collections.abc import Iterator

_context = threading.local()


def is_for_converter() -> bool:
    """Whether the layers that are called now are to use the forms that converters know."""
    return getattr(_context, "is_for_converter", False)


@contextlib.contextmanager
def for_converter() -> Iterator[None]:
    """Lets layers that are called in this thread use the forms that converters know.

    They compute the same function with other roundings, and more slowly where TensorFlow computes them itself.
    """
    former = is_for_converter()
    _context.is_for_converter = True
    try:
        yield
    finally:
        _context.is_for_converter = former
