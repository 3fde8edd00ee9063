"""Results of one input never destroy those of another: whose the files are is noted, and earlier ones are moved aside."""

import dataclasses
import hashlib
import itertools
import logging
import os
from collections.abc import Iterable, Sequence

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError

logger = logging.getLogger(__name__)

RESULT_INPUTS = "result_inputs.json"
"""Says of each file of results which input it was made of."""


@dataclasses.dataclass(frozen=True)
class ResultInput:
    """What results are made of.

    Attributes:
      name: what people call it, and earlier results of it are called by.
      fingerprint: of its content: the same for the same input whatever checkpoint predicts, and for no other.
    """

    name: str
    fingerprint: str

    @classmethod
    def of(cls, name: str, contents: Iterable[bytes]) -> "ResultInput":
        """The input that holds these pieces in this order."""
        digest = hashlib.sha256()
        for content in contents:
            digest.update(b"%d\n" % len(content) + content)
        return cls(name, digest.hexdigest())

    @classmethod
    def of_files(cls, paths: Sequence[str]) -> "ResultInput":
        """The input that files hold, byte for byte."""
        return cls.of(called(paths), (files.sha256_of_file(path).encode() for path in paths))


def called(paths: Sequence[str]) -> str:
    """What the input in some files is called: by the first one's name without its extension."""
    name = os.path.splitext(os.path.basename(paths[0]))[0]
    return name if len(paths) == 1 else f"{name}-and-{len(paths) - 1}-more"


_UNKNOWN = ResultInput("earlier", "")


def make_room(directory: str, names: Sequence[str], source: ResultInput) -> None:
    """To be called before results are written: moves those of another input aside and notes whose the new ones are.

    `predictions.tsv` of `dev` becomes `predictions.dev.tsv`; files of the same input are left to be replaced. Files that nothing
    is known about, as earlier versions left them, count as those of another input.

    Args:
      directory: where the files lie.
      names: the files that are about to be written.
      source: what they will be made of.

    Raises:
      JobError: a file cannot be moved.
    """
    notes_path = os.path.join(directory, RESULT_INPUTS)
    notes = _read(notes_path)
    others: dict[ResultInput, list[str]] = {}
    for name in names:
        former = notes.get(name, _UNKNOWN)
        if former.fingerprint != source.fingerprint and files.exists(os.path.join(directory, name)):
            others.setdefault(former, []).append(name)
    for former, moved in others.items():
        aside = _free_names(directory, moved, former, notes)
        for name, kept in aside.items():
            _move(os.path.join(directory, name), os.path.join(directory, kept))
            notes[kept] = former
        whose = "an input that was not noted" if former == _UNKNOWN else former.name
        logger.info("kept the results of %s as %s: those of %s take their place", whose, ", ".join(aside.values()), source.name)
    notes |= dict.fromkeys(names, source)
    files.write_json(notes_path, {name: dataclasses.asdict(notes[name]) for name in sorted(notes)})


def _free_names(directory: str, names: Sequence[str], former: ResultInput, notes: dict[str, ResultInput]) -> dict[str, str]:
    """Where files of an input go: new names by old ones, where nothing is but older results of the same input."""
    for number in itertools.count(1):
        tag = former.name if number == 1 else f"{former.name}-{number}"
        # Before the extension, so that patterns such as predictions*.tsv still find them.
        aside = {name: f"{stem}.{tag}{extension}" for name in names for stem, extension in [os.path.splitext(name)]}
        if all(
            not files.exists(os.path.join(directory, kept)) or (former != _UNKNOWN and notes.get(kept) == former)
            for kept in aside.values()
        ):
            return aside
    raise AssertionError


def _move(path: str, kept: str) -> None:
    try:
        files.rename_whole(path, kept)
    except OSError as error:
        raise JobError(f"cannot rename {path} to {kept}: {error.strerror or error}") from error


def _read(path: str) -> dict[str, ResultInput]:
    """The notes; none where they cannot be read, so that nothing is taken for what it is not."""
    try:
        noted = files.read_json(path) if files.exists(path) else {}
        return {name: ResultInput(str(entry["name"]), str(entry["fingerprint"])) for name, entry in noted.items()}
    except (UserError, AttributeError, KeyError, TypeError):
        logger.warning("%s does not say which inputs the results are of: they are moved aside before others are written", path)
        return {}
