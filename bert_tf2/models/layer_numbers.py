"""Layers of a model as a flag names them: by numbers from 0."""

import itertools

from bert_tf2.errors import UserError


def chosen_layers(flag: str, wanted: str, whose: str, layers: int) -> tuple[int, ...]:
    """The numbers that a flag holds, ascending.

    Args:
      flag: its name, for messages.
      wanted: numbers from 0, such as `0,2,4`.
      whose: whose layers they are: `the teacher`.
      layers: how many it has.

    Raises:
      UserError: there are no such layers, or they are not in ascending order.
    """
    parts = [part.strip() for part in wanted.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise UserError(f"--{flag} must be layers of {whose}, counted from 0, such as 0,2,4; got {wanted}")
    numbers = tuple(map(int, parts))
    for number in numbers:
        require_layer(flag, wanted, whose, number, layers)
    if any(after <= before for before, after in itertools.pairwise(numbers)):
        raise UserError(f"--{flag}={wanted}: name each layer once, the lowest first")
    return numbers


def require_layer(flag: str, wanted: str, whose: str, number: int, layers: int) -> None:
    """Refuses a layer that is not there.

    Args:
      flag, wanted: the flag and what it holds, for messages.
      whose: as for `chosen_layers`.
      number: of the layer.
      layers: how many there are.

    Raises:
      UserError: there are not so many.
    """
    if number >= layers:
        raise UserError(
            f"--{flag}={wanted}: there is no layer {number} in {whose}, whose {layers} are counted from 0 to {layers - 1}"
        )
