"""Long sentences as overlapping windows, each word answered by the window that shows it with most context."""

from typing import NamedTuple


class Window(NamedTuple):
    """Some pieces of a sentence that are one input.

    Attributes:
      begin, end: the pieces that it shows.
      first, behind: those of them, `first` to `behind` - 1, that are answered here; of all windows these are all pieces, once
        each.
    """

    begin: int
    end: int
    first: int
    behind: int


def cut(pieces: int, room: int) -> list[Window]:
    """The windows of a sentence.

    They begin half a window apart, but the last one ends with the sentence. A piece that two windows show is answered by the one
    in which it is farther from the cut, by the first of equal ones; so at least a quarter of a window lies between an answered
    piece and a cut.

    Args:
      pieces: how many there are.
      room: how many fit into an input.
    """
    begins = [0]
    while begins[-1] + room < pieces:
        begins.append(min(begins[-1] + max(room // 2, 1), pieces - room))
    windows, first = [], 0
    for number, begin in enumerate(begins):
        end = min(begin + room, pieces)
        # Half-way through what this window and the next one both show.
        behind = (begins[number + 1] + end + 1) // 2 if number + 1 < len(begins) else pieces
        windows.append(Window(begin, end, first, behind))
        first = behind
    return windows
