"""A format that models are exported in, and the table of all formats."""

import abc
import dataclasses
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from bert_tf2.errors import UserError
from bert_tf2.exporting import targets

if TYPE_CHECKING:
    import tensorflow as tf

    from bert_tf2.tasks.portable import Rows

NONE, FP16, INT8 = "none", "fp16", "int8"
QUANTIZATIONS = (NONE, FP16, INT8)

TARGETS = tuple(sorted(module.name for module in pkgutil.iter_modules(targets.__path__)))
"""What `--to` may be."""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What is to be written.

    Attributes:
      outputs: the function to convert, see `bert_tf2.tasks.portable.Portable`.
      length: how many tokens every row has; None for any.
      quantize: one of `QUANTIZATIONS`.
      calibration: gives rows of real records, some at a time and all anew at each call, to find the ranges of activations with;
        None where these are found when the model runs.
    """

    outputs: "Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]"
    length: int | None
    quantize: str = NONE
    calibration: "Callable[[], Iterator[Rows]] | None" = None


class Target(abc.ABC):
    """A format. A file of `bert_tf2/exporting/targets` defines one as `TARGET`; the file's name is the target's.

    Its module imports nothing heavy at its top: the command looks at it before it does anything. What opens it again is in
    `bert_tf2.exporting.exported_model.open_session`.

    Attributes:
      file: the name of the exported model, a file or a directory.
      extra: what installs the packages that it needs, as in `pip install 'bert_tf2[extra]'`.
      packages: their modules and names.
      refused: quantizations that it cannot do, with the reason and the cure.
      uncalibrated: why it can do nothing with `Conversion.calibration`, with the cure; empty where it can.
      fixed_length: every row must have the same length.
      libraries: what a program that uses the export installs.
    """

    file: ClassVar[str]
    extra: ClassVar[str] = ""
    packages: ClassVar[Mapping[str, str]] = {}
    refused: ClassVar[Mapping[str, str]] = {}
    uncalibrated: ClassVar[str] = ""
    fixed_length: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def write(self, conversion: Conversion, path: str) -> None:
        """Writes the model to a path that is free.

        Raises:
          UserError: the format lacks an operation; see `bert_tf2.exporting.converting.refuse_lacking`.
        """

    def require_packages(self, name: str) -> None:
        """Checks that what it needs is installed, without importing it.

        Raises:
          UserError: something is missing; says which extra holds it.
        """
        for module, package in self.packages.items():
            if importlib.util.find_spec(module) is None:
                raise UserError(f"--to={name} needs the package {package}: pip install 'bert_tf2[{self.extra}]'")


def target_of(name: str) -> Target:
    """The target called `name`, one of `TARGETS`."""
    found: Target = importlib.import_module(f"{targets.__name__}.{name}").TARGET
    return found
