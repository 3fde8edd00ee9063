"""Data sets that are published in another form than they are used in, made as their users make them."""

import json
from collections.abc import Callable, Iterator
from typing import BinaryIO

from bert_tf2.errors import UserError


def make_mrpc(folder: str, open_raw: Callable[[str], BinaryIO]) -> None:
    """GLUE's `train.tsv`, `dev.tsv` and `test.tsv` of Microsoft's files, as its `download_glue_data.py` writes them.

    Args:
      folder: to write to.
      open_raw: opens one of the published files by its name.

    Raises:
      UserError: a row has other columns than the five.
    """
    dev_ids = {tuple(row) for row in _rows(open_raw, "mrpc_dev_ids.tsv", 2, has_header=False)}
    train = _rows(open_raw, "msr_paraphrase_train.txt", 5)
    header = b"Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    with open(f"{folder}/train.tsv", "wb") as train_file, open(f"{folder}/dev.tsv", "wb") as dev_file:
        train_file.write(header)
        dev_file.write(header)
        for row in train:
            (dev_file if (row[1], row[2]) in dev_ids else train_file).write(b"\t".join(row) + b"\n")
    with open(f"{folder}/test.tsv", "wb") as file:
        file.write(b"index\t#1 ID\t#2 ID\t#1 String\t#2 String\n")
        for number, row in enumerate(_rows(open_raw, "msr_paraphrase_test.txt", 5)):
            file.write(b"%d\t" % number + b"\t".join(row[1:]) + b"\n")


def make_social_iqa(folder: str, open_raw: Callable[[str], BinaryIO]) -> None:
    """Objects with their answer in `correct`, of the leaderboard's files of objects and of numbers from 1.

    Args:
      folder, open_raw: as for `make_mrpc`.

    Raises:
      UserError: there is not one number for every object.
    """
    for split in ("train", "dev"):
        with open_raw(f"{split}.jsonl") as questions, open_raw(f"{split}-labels.lst") as numbers:
            rows, labels = questions.read().splitlines(), numbers.read().split()
        if len(rows) != len(labels):
            raise UserError(f"{split}.jsonl has {len(rows):,} questions, but {split}-labels.lst {len(labels):,} labels")
        with open(f"{folder}/{split}.jsonl", "w", encoding="utf-8") as file:
            for number, (row, label) in enumerate(zip(rows, labels), 1):
                if label not in (b"1", b"2", b"3"):
                    raise UserError(f"{split}-labels.lst:{number}: a label is 1, 2 or 3; got '{label.decode(errors='replace')}'")
                file.write(json.dumps({**json.loads(row), "correct": "ABC"[int(label) - 1]}, ensure_ascii=False) + "\n")


MAKERS: dict[str, Callable[[str, Callable[[str], BinaryIO]], None]] = {"MRPC": make_mrpc, "SocialIQA": make_social_iqa}
"""What makes a data set of its raw files, by its name."""


def _rows(open_raw: Callable[[str], BinaryIO], name: str, columns: int, has_header: bool = True) -> Iterator[list[bytes]]:
    with open_raw(name) as file:
        for number, line in enumerate(file, 1):
            if number == 1 and has_header:
                continue
            row = line.strip().split(b"\t")
            if row == [b""]:
                continue
            if len(row) != columns:
                raise UserError(f"{name}:{number}: {len(row)} columns, expected {columns}; download it again")
            yield row
