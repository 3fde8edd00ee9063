"""What the tests of create_finetuning_data share: a directory, and the command run there."""

import os
import pathlib

from bert_tf2 import cli
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

GOOD_ROWS = "text\tlabel\nthe movie was good\tpos\nvery bad !\tneg\n"


class Place:
    """A directory with a vocabulary, and the command run there."""

    def __init__(self, directory: pathlib.Path, vocab_file: str, capsys):
        self.directory, self.vocab_file, self._capsys = directory, vocab_file, capsys
        self.out = directory / "out"

    def write(self, name: str, content: str | bytes) -> str:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def run(self, *flags: str, splits=("train",), files: bool = True) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        arguments = [
            "create_finetuning_data.py",
            f"--vocab_file={self.vocab_file}",
            f"--meta_data_file_path={self.out}/meta.json",
        ]
        arguments += [f"--{split}_data_output_path={self.out}/{split}.tf_record" for split in splits]
        if files:
            arguments += [f"--{split}_file={self.directory / split}.tsv" for split in splits]
        code = cli.run(create_finetuning_data, FinetuningDataOptions, "Makes records.", [*arguments, *flags])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def fails(self, message: str, *flags: str, **options) -> str:
        """Asserts one line with the message, exit code 2 and no output."""
        code, _, errors = self.run(*flags, **options)
        assert code == 2
        last = errors.strip().splitlines()[-1]
        assert last.startswith("ERROR: ")
        assert message in last, last
        assert "Traceback" not in errors
        assert not self.out.exists() or os.listdir(self.out) == []
        return last

    def meta_data(self):
        return read_meta_data(str(self.out / "meta.json"))
