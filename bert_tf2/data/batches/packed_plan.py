"""Batches of equal numbers of tokens, which take equal numbers of packs."""

import numpy as np

from bert_tf2.data.batches.packing import PackShape, first_fit
from bert_tf2.data.batches.plans import BatchPlan
from bert_tf2.data.batches.repeats import Repeats
from bert_tf2.progress import during

# Hands that need more packs than this share of all does are dealt again, so often, each together with so many others.
_USUAL, _ATTEMPTS, _OTHERS = 0.8, 16, 7


class PackedPlan(BatchPlan):
    """Which rows each training step takes, where their tokens are packed; every row once in an epoch, or as `repeats` says.

    The rows of an epoch are sorted by length and dealt to its batches like cards, so that every batch has as many long and short
    ones as the others, and nearly the same number of tokens; which rows meet is random. Inside a batch they are dealt to its
    parts likewise: the batches depend on the seed and the rows alone, and only the order in them on the number of parts.
    Since all steps have the packs of the one that needs most, those that need more than most others are dealt again.

    Args:
      lengths: number of tokens of each row, int32 [N].
      batch_size: rows of a global batch.
      seed: with the epoch's number it decides the order.
      slots: tokens that a pack has room for.
      parts: how many parts of equal size are packed each for itself: of replicas and accumulation steps.
      repeats: as for `BatchPlan`.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int,
        slots: int,
        parts: int = 1,
        repeats: Repeats | None = None,
    ):
        # Without a token a row would be nowhere.
        super().__init__(np.maximum(lengths, 1), batch_size, seed, repeats=repeats)
        self._slots, self._parts = slots, parts

    def order(self, epoch: int) -> np.ndarray:
        """All row numbers in the order of an epoch, as `BatchPlan.order`."""
        random, size = self.random(epoch), self.batch_size
        order = self._shuffled(random)
        order = order[np.argsort(-self._lengths[order].astype(np.int64), kind="stable")]
        # The rows of the partial batch are spread over all lengths too.
        bounds = np.linspace(0, len(order), len(order) % size + 1).astype(np.int64)
        rest = bounds[:-1] + (random.random(len(bounds) - 1) * np.diff(bounds)).astype(np.int64)
        is_full = np.ones(len(order), bool)
        is_full[rest] = False
        layers = order[is_full].reshape(1, size, len(order) // size)
        batches = random.permutation(_dealt(layers, self._lengths, random)[0])
        self._mend(batches, random)
        rest = order[random.permutation(rest)]
        parts = _dealt(batches.reshape(len(batches), size // self._parts, self._parts), self._lengths)
        usual = self._usual(parts)
        self._deal_again(parts, usual, random)
        for _ in range(_ATTEMPTS):
            if not len(rest) or self._packs(self._filled(rest)).max() <= usual:
                break
            rest = random.permutation(rest)
        return np.concatenate([parts.reshape(-1), rest])

    @during("packing examples")
    def pack_shape(self, steps: int) -> PackShape:
        """The shape into which the batch of each of the first `steps` steps fits."""
        size, packs = self.batch_size // self._parts, 1
        for epoch in range(-(-steps // self.steps_per_epoch)):
            packs = max(packs, int(self._packs(self._filled(self.order(epoch))).max()))
        return PackShape(packs, self._slots, self._most(size))

    def _most(self, size: int) -> int:
        """How many of so many examples a pack may hold: twice as many as there are on average, which hardly takes more packs."""
        return min(size, 2 * -(-self._slots // int(self._lengths.mean())))

    def _packs(self, hands: np.ndarray) -> np.ndarray:
        """How many packs hands need: int64 [..., L] -> [...]; a row of -1 is none."""
        flat = hands.reshape(-1, hands.shape[-1])
        lengths = np.where(flat < 0, 0, self._lengths[flat])
        packs = 1 + first_fit(lengths, self._slots, self._most(hands.shape[-1])).max(axis=1, initial=-1)
        return packs.reshape(hands.shape[:-1])

    def _filled(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the parts of batches: int64 [parts, L], with -1 at the end."""
        return np.append(rows, np.full(-len(rows) % self.batch_size, -1)).reshape(-1, self.batch_size // self._parts)

    def _usual(self, hands: np.ndarray) -> int:
        """How many packs suffice for most hands."""
        return int(np.quantile(self._packs(hands), _USUAL, method="higher")) if hands.size else 1

    def _mend(self, batches: np.ndarray, random: np.random.Generator) -> None:
        """Deals the batches [M, B] that need more packs than is usual again, each with some others."""
        is_large = self._packs(batches) > self._usual(batches)
        large, others = np.flatnonzero(is_large), random.permutation(np.flatnonzero(~is_large))
        if number := len(large):
            each = min(_OTHERS, len(others) // number)
            games = np.concatenate([large[:, np.newaxis], others[: number * each].reshape(number, each)], axis=1)
            dealt = batches[games]
            self._deal_again(dealt, self._usual(batches), random)
            batches[games] = dealt

    def _deal_again(self, games: np.ndarray, usual: int, random: np.random.Generator) -> None:
        """Deals games [G, H, L] again in which a hand needs more packs than is usual, until none does or many times."""
        _, hands, rows = games.shape
        for _ in range(_ATTEMPTS if hands > 1 else 0):
            large = (self._packs(games) > usual).sum(axis=1)
            again = np.flatnonzero(large)
            if not len(again):
                return
            cards = games[again].reshape(len(again), -1)
            order = np.argsort(-self._lengths[cards].astype(np.int64), axis=1, kind="stable")
            layers = np.take_along_axis(cards, order, axis=1).reshape(-1, rows, hands)
            dealt = _dealt(layers, self._lengths, random)
            is_better = (self._packs(dealt) > usual).sum(axis=1) < large[again]
            games[again[is_better]] = dealt[is_better]


def _dealt(layers: np.ndarray, lengths: np.ndarray, random: np.random.Generator | None = None) -> np.ndarray:
    """Deals rows: of each layer every hand gets one; the longest goes to the hand that has the fewest tokens so far.

    Args:
      layers: rows of several games, longest first, int64 [G, L, H].
      lengths: number of tokens of all rows.
      random: deals the layers of the longer half at random instead, so that not the same rows meet in every epoch.

    Returns:
      int64 [G, H, L].
    """
    games, number, hands = layers.shape
    dealt, totals = np.zeros((games, hands, number), np.int64), np.zeros((games, hands), np.int64)
    for layer in range(number):
        keys = totals if random is None or layer > number // 2 else random.random((games, hands))
        to = np.argsort(keys, axis=1, kind="stable")
        np.put_along_axis(dealt[:, :, layer], to, layers[:, layer], axis=1)
        totals += lengths[dealt[:, :, layer]]
    return dealt
