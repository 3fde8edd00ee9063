"""Where create_finetuning_data.py writes: never over data, and nothing half written."""

import os
import signal

import pytest
from finetuning_workplace import GOOD_ROWS, Place


@pytest.fixture
def place(tmp_path, tiny_vocab_file, capsys):
    return Place(tmp_path, tiny_vocab_file, capsys)


def test_an_input_is_never_overwritten(place):
    path = place.write("train.tsv", GOOD_ROWS)
    place.fails("would overwrite", f"--train_data_output_path={path}")
    assert (place.directory / "train.tsv").read_text() == GOOD_ROWS


def test_raw_data_of_a_task_are_never_overwritten(place):
    raw = "sentence\tlabel\ngood\t1\nbad\t0\n"
    for split in ("train", "dev"):
        place.write(f"sst/{split}.tsv", raw)
    directory = place.directory / "sst"
    flags = ("--classification_task_name=SST-2", f"--input_data_dir={directory}")
    for flag in ("train_data_output_path", "meta_data_file_path"):
        message = f"writing {directory}/dev.tsv would overwrite a file of the data in"
        place.fails(message, *flags, f"--{flag}={directory}/dev.tsv", files=False)
    assert (directory / "dev.tsv").read_text() == raw
    # Records and metadata made before are not raw data, wherever they lie.
    outputs = (f"--train_data_output_path={directory}/train.tf_record", f"--meta_data_file_path={directory}/meta.json")
    for compressed in ("--gzip_compress", "--nogzip_compress", "--gzip_compress"):
        assert place.run(*flags, *outputs, compressed, files=False)[0] == 0


def test_a_directory_is_no_output(place):
    place.write("train.tsv", GOOD_ROWS)
    for path in (place.directory, f"{place.directory}/new/"):
        for flag in ("meta_data_file_path", "train_data_output_path"):
            place.fails(f"cannot write {path}: it is a directory; name a file", f"--{flag}={path}")


def test_sigterm_leaves_nothing_half_written(place):
    processor = place.write(
        "ends.py",
        """
import os, signal
from bert_tf2.data.processors import DataProcessor, InputExample, register_processor

@register_processor("ends")
class Ends(DataProcessor):
    def get_labels(self): return ["a", "b"]
    def get_train_examples(self, data_dir):
        yield from (InputExample(str(n), "good", None, "a") for n in range(200))
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Exception:
            pass
        yield InputExample("x", "bad", None, "b")
""",
    )
    former = signal.getsignal(signal.SIGTERM)
    code, _, errors = place.run(f"--module_import={processor}", "--classification_task_name=ends", files=False)
    assert (code, errors) == (143, "ERROR: stopped by SIGTERM before anything was saved; run the command again\n")
    assert os.listdir(place.out) == []
    assert signal.getsignal(signal.SIGTERM) is former
