"""Windows on long sentences: nothing is lost, nothing is answered twice, and every piece where it has most context."""

import pytest

from bert_tf2.tasks.tagging.windows import Window, cut

ROOMS = [1, 2, 3, 4, 5, 8, 13, 126]


@pytest.mark.parametrize("room", ROOMS)
def test_every_piece_is_answered_once_where_it_has_most_context(room):
    for pieces in range(1, 6 * room + 4):
        windows = cut(pieces, room)
        answered = [piece for window in windows for piece in range(window.first, window.behind)]
        assert answered == list(range(pieces))
        for window in windows:
            assert window.end - window.begin == min(room, pieces)
            assert window.begin <= window.first <= window.behind <= window.end

        def context(window, piece, pieces=pieces):
            # The ends of a sentence cut nothing off.
            left = piece - window.begin if window.begin else pieces
            right = window.end - 1 - piece if window.end < pieces else pieces
            return min(left, right)

        for window in windows:
            for piece in range(window.first, window.behind):
                shown = [other for other in windows if other.begin <= piece < other.end]
                best = max(context(other, piece) for other in shown)
                assert context(window, piece) == best, (pieces, window, piece)


def test_a_sentence_that_fits_is_one_window():
    assert cut(5, 5) == [Window(0, 5, 0, 5)]
    assert cut(1, 5) == [Window(0, 1, 0, 1)]


def test_known_windows():
    assert cut(20, 8) == [Window(0, 8, 0, 6), Window(4, 12, 6, 10), Window(8, 16, 10, 14), Window(12, 20, 14, 20)]
    assert cut(9, 8) == [Window(0, 8, 0, 5), Window(1, 9, 5, 9)]
