"""Which data sets lie in a user's downloads: known by the names, headers and beginnings of files, whatever folders are called."""

import dataclasses
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Sequence

from bert_tf2.errors import UserError
from bert_tf2.jobs.datasets.dataset import ARTICLES, CONLL, CSV, JSON_LINES, SQUAD, TABLE, TEST, Dataset, File
from bert_tf2.jobs.datasets.sources import Member

# What lies in one folder of one source, or anywhere where a data set comes in several archives.
_Root = tuple[str, str]
_ANYWHERE: _Root = ("", "")


@dataclasses.dataclass(frozen=True)
class Found:
    """A data set in the downloads.

    Attributes:
      dataset: which.
      members: what each of its files is to be read from; of `ARTICLES` several.
      is_raw: the files are those of `Dataset.raw`.
    """

    dataset: Dataset
    members: dict[File, list[Member]]
    is_raw: bool = False

    def missing(self) -> list[str]:
        """The names of files without which it is not whole, one for each split."""
        if self.is_raw:
            return [file.name for file in self.dataset.raw if file not in self.members]
        roles = {file.role for file in self.members}
        lacking = [role for role in self.dataset.needs if role not in roles]
        return [next(file.name for file in self.dataset.files if file.role == role) for role in lacking]


def wanted(datasets: Iterable[Dataset]) -> Callable[[str], bool]:
    """Whether the beginning of a file must be known, by its path: some data set has a file of that name."""
    names = {
        name.lower() for one in datasets for file in (*one.files, *one.raw) if file.form != ARTICLES for name in _names(file)
    }
    return lambda path: not path or posixpath.basename(path).lower() in names


def whole(dataset: Dataset, members: Sequence[Member]) -> Found | None:
    """A data set of which everything that is needed is there; None where it is not.

    Raises:
      UserError: it is there twice, and the two differ.
    """
    for candidates in _candidates(dataset, members):
        found = [one for one in candidates if not one.missing()]
        if len(found) > 1 and len({_contents(one) for one in found}) > 1:
            places = " and ".join(_place(one) for one in found[:2])
            raise UserError(f"{dataset.name} is there {len(found)} times, and not the same: in {places}; give one to --source")
        if found:
            return found[0]
    return None


def in_parts(dataset: Dataset, members: Sequence[Member]) -> Found | None:
    """What there is most of, of a data set that is not whole; None where no training or evaluation file is there."""
    found = [one for candidates in _candidates(dataset, members) for one in candidates]
    found = [one for one in found if any(file.role != TEST for file in one.members)]
    return min(found, key=lambda one: (len(one.missing()), one.is_raw), default=None)


def misfits(dataset: Dataset, members: Sequence[Member]) -> list[str]:
    """Files that are called as those of a data set are, and begin otherwise: what they begin with."""
    told = []
    for file in (*dataset.files, *dataset.raw):
        for member in members:
            if file.form != ARTICLES and _is_called(file, member) and not _begins(file, member.head):
                told.append(f"{member.where} begins with '{_text(member.head)[:60].splitlines()[0] if member.head else ''}'")
    return list(dict.fromkeys(told))


def _candidates(dataset: Dataset, members: Sequence[Member]) -> list[list[Found]]:
    """What there is of a data set in each place: of its files, then of what they can be made of."""
    return [
        [Found(dataset, placed, is_raw) for placed in _by_root(files, members, dataset.spread).values()]
        for files, is_raw in ((dataset.files, False), (dataset.raw, True))
    ]


def _by_root(files: Sequence[File], members: Sequence[Member], spread: bool) -> dict[_Root, dict[File, list[Member]]]:
    found: dict[_Root, dict[File, list[Member]]] = {}
    for file in files:
        for member in members:
            folder = _folder_of_articles(file, member.path) if file.form == ARTICLES else posixpath.dirname(member.path)
            if folder is None or (file.form != ARTICLES and not (_is_called(file, member) and _begins(file, member.head))):
                continue
            # Files that are given one by one lie together.
            root = _ANYWHERE if spread or not member.path else (member.source.path, folder)
            found.setdefault(root, {}).setdefault(file, []).append(member)
    for placed in found.values():
        for file, several in placed.items():
            if file.form != ARTICLES:
                placed[file] = [_preferred(file, several)]
    return found


def _preferred(file: File, members: Sequence[Member]) -> Member:
    """Of several that may be a file, the one under the name that it has first."""
    names = [name.lower() for name in _names(file)]
    best = min(members, key=lambda member: names.index(member.name.lower()))
    for other in members:
        if other.name.lower() == best.name.lower() and (other.size, other.head) != (best.size, best.head):
            raise UserError(f"{best.where} and {other.where} are called alike and differ; give one of them to --source")
    return best


def _names(file: File) -> tuple[str, ...]:
    return posixpath.basename(file.name), *file.also


def _is_called(file: File, member: Member) -> bool:
    return member.name.lower() in {name.lower() for name in _names(file)}


def _folder_of_articles(file: File, path: str) -> str | None:
    """Where the folder of a file of articles lies; None where the path is of none."""
    match = re.fullmatch(rf"(?:(.*)/)?{re.escape(file.name)}/[^/]+\.txt", path)
    return (match[1] or "") if match else None


def _begins(file: File, head: bytes) -> bool:
    """Whether a file begins as it must."""
    text = _text(head)
    return bool(text) and _HAS_BEGINNING[file.form](file, text) and bool(not file.mark or re.search(file.mark, text))


def _has_row(separator: str) -> Callable[[File, str], bool]:
    def has(file: File, text: str) -> bool:
        cells = [cell.strip() for cell in text.split("\n", 1)[0].split(separator)]
        return set(file.columns) <= set(cells) if file.columns else len(cells) == file.cells

    return has


def _has_object(file: File, text: str) -> bool:
    try:
        row = json.loads(text.split("\n", 1)[0])
    except ValueError:
        return False
    return isinstance(row, dict) and set(file.columns) <= set(row)


def _has_paragraphs(file: File, text: str) -> bool:
    return text.lstrip().startswith("{") and '"paragraphs"' in text


_HAS_BEGINNING: dict[str, Callable[[File, str], bool]] = {
    TABLE: _has_row("\t"),
    CSV: _has_row(","),
    JSON_LINES: _has_object,
    SQUAD: _has_paragraphs,
    CONLL: lambda file, text: True,
}


def _text(head: bytes) -> str:
    return head.decode("utf-8-sig", "replace")


def _contents(found: Found) -> tuple:
    return tuple((file.name, [(one.size, one.head) for one in members]) for file, members in found.members.items())


def _place(found: Found) -> str:
    member = next(iter(found.members.values()))[0]
    return posixpath.dirname(member.where)
