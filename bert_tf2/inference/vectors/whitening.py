"""Whitening of vectors: no direction is stretched, and few of them are kept (https://arxiv.org/abs/2103.15316)."""

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import UserError

# Directions in which vectors differ by less than rounding errors would be stretched to noise.
_LEAST_SHARE = 1e-10


@dataclasses.dataclass(frozen=True)
class Whitening:
    """(x - mean) kernel, whose columns are sorted by how much the vectors differ in their directions.

    Attributes:
      mean: float64 [D].
      kernel: float64 [D, K].
      of: what made the vectors it was fitted on, see `TextEncoder.identity`.
      texts: identifies the texts, where they were a file: its SHA-256.
      file: where it was read.
    """

    mean: np.ndarray
    kernel: np.ndarray
    of: Mapping[str, Any]
    texts: str = ""
    file: str = "the whitening"

    @classmethod
    def fit(cls, vectors: Iterable[np.ndarray], of: Mapping[str, Any]) -> "Whitening":
        """Fits it on vectors that come in parts, float [N, D]; one part is in memory at a time.

        The kernel is U / sqrt(S) of the singular value decomposition U S U^T of the covariance.

        Raises:
          UserError: there are fewer than two vectors, or all are equal.
        """
        count, mean, scatter = 0, np.zeros(1), np.zeros((1, 1))
        for part in vectors:
            part = part.astype(np.float64)
            center = part.mean(0)
            apart, difference = part - center, center - mean
            both = count + len(part)
            # Chan, Golub and LeVeque's formula: nothing is lost where the mean is far from zero.
            scatter = scatter + apart.T @ apart + np.outer(difference, difference) * (count * len(part) / both)
            mean, count = mean + difference * (len(part) / both), both
        if count < 2:
            raise UserError(f"whitening is fitted on two texts at least, and better on some thousands; got {count}")
        directions, spread, _ = np.linalg.svd(scatter / count)
        kept = int(np.sum(spread > spread[0] * _LEAST_SHARE)) if spread[0] > 0 else 0
        # So many points span one dimension less.
        kept = min(kept, count - 1)
        if not kept:
            raise UserError("whitening needs texts whose vectors differ; all are equal")
        return cls(mean, directions[:, :kept] / np.sqrt(spread[:kept]), dict(of))

    @property
    def dimension(self) -> int:
        """How many directions it knows."""
        return self.kernel.shape[1]

    @property
    def fingerprint(self) -> str:
        """Identifies what it does to vectors: SHA-256 in hexadecimal."""
        digest = hashlib.sha256(json.dumps([*self.kernel.shape, dict(self.of)], sort_keys=True).encode())
        for values in (self.mean, self.kernel):
            digest.update(np.ascontiguousarray(values, np.float64).tobytes())
        return digest.hexdigest()

    def applied(self, vectors: np.ndarray, dimension: int | None = None) -> np.ndarray:
        """float32 [N, D] -> float32 [N, dimension], or all directions."""
        return ((vectors.astype(np.float64) - self.mean) @ self.kernel[:, :dimension]).astype(np.float32)

    def check(self, of: Mapping[str, Any], dimension: int | None) -> None:
        """Checks that it belongs to what makes the vectors.

        Args:
          of: see `TextEncoder.identity`.
          dimension: how many directions are wanted; None for all.

        Raises:
          UserError: it was fitted on other vectors, or has fewer directions.
        """
        path = self.file
        if self.of.get("model") != of["model"]:
            raise UserError(f"{path} was fitted on vectors of another model; fit one on this model's (--fit_whitening)")
        differing = [f"{name} {self.of.get(name)}, here {value}" for name, value in of.items() if self.of.get(name) != value]
        if differing:
            raise UserError(f"{path} was fitted on other vectors: {'; '.join(differing)}; give the same flags, or fit another")
        if dimension is not None and dimension > self.dimension:
            raise UserError(
                f"--dimension={dimension} is more than {path} has, {self.dimension}; give fewer, or more texts to fit it on"
            )

    def save(self, path: str) -> None:
        """Writes it as .npz, whole or not at all."""
        with files.written_whole(path) as temporary, files.open_to_write(temporary) as file:
            of = np.array(json.dumps(dict(self.of), sort_keys=True))
            np.savez(file, mean=self.mean, kernel=self.kernel, of=of, texts=np.array(self.texts))

    @classmethod
    def load(cls, path: str) -> "Whitening":
        """Reads what `save` wrote.

        Raises:
          UserError: there is no such file, or it is something else.
        """
        path = files.require_file(path, "whitening_file")
        try:
            with np.load(path) as stored:
                of, texts = json.loads(str(stored["of"])), str(stored["texts"])
                return cls(stored["mean"], stored["kernel"], of, texts, path)
        except (OSError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile):
            raise UserError(f"--whitening_file={path} is no whitening; --fit_whitening makes one") from None
