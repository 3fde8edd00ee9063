"""Reads what TensorFlow's profiler writes: the operations of its executors, with their own times."""

import dataclasses
import pathlib
from collections.abc import Iterator

from tensorflow.tsl.profiler.protobuf import xplane_pb2

# Operations that multiply matrices, also those into which the library has fused a bias or an activation.
_PRODUCTS = ("MatMul", "Einsum")


@dataclasses.dataclass
class Operation:
    """All calls of operations of one type.

    Attributes:
      type: as TensorFlow calls it, `_MklMatMul`.
      calls: their number.
      ms: time in them, without that of operations that they called, in milliseconds.
    """

    type: str
    calls: int = 0
    ms: float = 0.0

    @property
    def is_product(self) -> bool:
        """Whether it multiplies matrices."""
        return any(name in self.type for name in _PRODUCTS)


def operations(directory: str) -> list[Operation]:
    """The operations that ran on the CPU while the profiler was on, by type, those with the most time first.

    Args:
      directory: what `tf.profiler.experimental.start` was given.
    """
    (path,) = pathlib.Path(directory).rglob("*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    found: dict[str, Operation] = {}
    for plane in space.planes:
        if plane.name != "/host:CPU":
            continue
        for line in plane.lines:
            for kind, picoseconds in _own_times(plane, line):
                operation = found.setdefault(kind, Operation(kind))
                operation.calls += 1
                operation.ms += picoseconds / 1e9
    return sorted(found.values(), key=lambda operation: -operation.ms)


def _own_times(plane: xplane_pb2.XPlane, line: xplane_pb2.XLine) -> Iterator[tuple[str, int]]:
    """The type of every operation of a thread and the time in it without that of those inside it, in picoseconds."""
    open_ones: list[list] = []  # type, end, own time
    for event in sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps)):
        # The executor names an event `name:Type` and shows it as `Type`; all other events are not operations.
        meta = plane.event_metadata[event.metadata_id]
        if not meta.display_name or not meta.name.endswith(":" + meta.display_name):
            continue
        while open_ones and open_ones[-1][1] <= event.offset_ps:
            kind, _, own = open_ones.pop()
            yield kind, own
        if open_ones:
            open_ones[-1][2] -= event.duration_ps
        open_ones.append([meta.display_name, event.offset_ps + event.duration_ps, event.duration_ps])
    for kind, _, own in open_ones:
        yield kind, own
