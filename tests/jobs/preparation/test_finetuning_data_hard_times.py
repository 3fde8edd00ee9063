"""Killed runs, full disks and garbage."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from bert_tf2 import cli
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions


def mutated(content: bytes, generator: random.Random) -> bytes:
    """The content with a few bytes changed, removed, doubled or moved."""
    data = bytearray(content)
    for _ in range(generator.randint(1, 6)):
        place = generator.randrange(len(data)) if data else 0
        kind = generator.randrange(6)
        if kind == 0:
            data[place : place + 1] = bytes([generator.randrange(256)])
        elif kind == 1:
            del data[place : place + generator.randint(1, 20)]
        elif kind == 2:
            data[place:place] = generator.choice([b"\t", b"\n", b'"', b"\0", b"\r", b"\xff", b"{", b",", "é\u2028".encode()])
        elif kind == 3:
            data[place:place] = data[: generator.randint(0, 30)]
        elif kind == 4:
            del data[place:]
        else:
            data.extend(data[place : place + 40])
    return bytes(data)


ROWS = [("the movie was good", "pos"), ("very bad !", "neg"), ('a "quoted" one', "pos"), ("was it bad , or good", "neg")] * 3
FILES = {
    "train.tsv": "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS),
    "train.csv": "text,label\n" + "".join('"{}",{}\n'.format(text.replace('"', '""'), label) for text, label in ROWS),
    "train.jsonl": "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS),
}


@pytest.mark.parametrize("name", [*FILES, "vocab.txt"])
@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_garbage_ends_in_success_or_in_one_line(tmp_path, tiny_vocab_file, capsys, name, policy):
    generator = random.Random(f"{name} {policy}")
    vocabulary = pathlib.Path(tiny_vocab_file).read_bytes()
    codes = []
    for _ in range(60):
        data_name = name if name in FILES else "train.tsv"
        content, vocab = FILES[data_name].encode(), vocabulary
        if name in FILES:
            content = mutated(content, generator)
        else:
            vocab = mutated(vocab, generator)
        (tmp_path / data_name).write_bytes(content)
        (tmp_path / "vocab.txt").write_bytes(vocab)
        flags = [f"--train_file={tmp_path / data_name}", f"--vocab_file={tmp_path / 'vocab.txt'}", f"--on_bad_row={policy}"]
        flags += [f"--train_data_output_path={tmp_path}/out/train", f"--meta_data_file_path={tmp_path}/out/meta.json"]
        code = cli.run(create_finetuning_data, FinetuningDataOptions, "", ["create_finetuning_data.py", *flags])
        errors = capsys.readouterr().err.strip().splitlines()
        assert code in (0, 2)
        assert code == 0 or errors[-1].startswith("ERROR: ")
        assert (
            not [file for file in os.listdir(tmp_path / "out") if "incomplete" in file] if (tmp_path / "out").exists() else True
        )
        codes.append(code)
    assert 2 in codes


def test_garbled_metadata_gives_no_other_error_than_ours(tmp_path):
    whole = {
        "processor_type": "x",
        "train_data_size": 3,
        "max_seq_length": 8,
        "task_type": "bert_classification",
        "num_labels": 2,
        "label_list": ["a", "b"],
        "files": {"train": {"name": "t", "records": 3, "bytes": 9, "sha256": "0"}},
    }
    generator = random.Random(5)
    path = tmp_path / "meta.json"
    for _ in range(500):
        path.write_bytes(mutated(json.dumps(whole, indent=1).encode(), generator))
        with contextlib.suppress(UserError):
            read_meta_data(str(path))


PREPARE = """
import sys
from bert_tf2 import cli
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
sys.exit(cli.run(create_finetuning_data, FinetuningDataOptions, "", ["x", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_that_training_accepts(tmp_path, tiny_vocab_file):
    rows = "".join(f"the movie {n} was very good\t{'pos' if n % 2 else 'neg'}\n" for n in range(60_000))
    out = tmp_path / "out"
    flags = []
    for split in ("train", "eval"):
        (tmp_path / f"{split}.tsv").write_text("text\tlabel\n" + rows)
        flags += [f"--{split}_file={tmp_path}/{split}.tsv", f"--{split}_data_output_path={out}/{split}.tf_record"]
    flags += [f"--meta_data_file_path={out}/meta.json", f"--vocab_file={tiny_vocab_file}"]
    command = [sys.executable, "-c", PREPARE, *flags]
    generator, killed = random.Random(3), 0
    for _ in range(10):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (out.exists() and os.listdir(out)):
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 2.5))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        names = os.listdir(out)
        if "meta.json" in names:
            meta_data = read_meta_data(str(out / "meta.json"))
            assert all((out / file.name).stat().st_size == file.bytes for file in meta_data.files.values())
            os.remove(out / "meta.json")
        for name in names:
            os.remove(out / name) if (out / name).exists() else None
    assert killed >= 3
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert sorted(os.listdir(out)) == ["eval.tf_record", "meta.json", "meta.vocab.txt", "train.tf_record"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path, tiny_vocab_file):
    measure = (
        PREPARE.replace("sys.exit(", "import resource\ncode = (")
        + "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)\nsys.exit(code)\n"
    )
    megabytes = []
    for rows in (20_000, 400_000):
        with open(tmp_path / "train.tsv", "w") as file:
            file.write("text\tlabel\n")
            file.writelines(
                f"the movie {n} was {n * 7919 % 100_003} very good\t{'pos' if n % 2 else 'neg'}\n" for n in range(rows)
            )
        flags = [f"--train_file={tmp_path}/train.tsv", f"--train_data_output_path={tmp_path}/train.tf_record"]
        flags += [f"--meta_data_file_path={tmp_path}/meta.json", f"--vocab_file={tiny_vocab_file}"]
        result = subprocess.run([sys.executable, "-c", measure, *flags], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        megabytes.append(int(result.stderr.strip().splitlines()[-1]))
    # The two tables of remembered words fill up; a row itself leaves 12 bytes, up to a million rows.
    assert megabytes[1] - megabytes[0] < 60, megabytes


def test_a_full_disk_is_one_line_and_keeps_the_earlier_files(tmp_path, tiny_vocab_file):
    """A limit on the size of files stands for a full disk."""
    rows = "".join(f"the movie {n} was very good\t{'pos' if n % 2 else 'neg'}\n" for n in range(3000))
    (tmp_path / "train.tsv").write_text("text\tlabel\n" + rows)
    out = tmp_path / "out"
    flags = [
        f"--train_file={tmp_path}/train.tsv",
        f"--train_data_output_path={out}/train",
        f"--meta_data_file_path={out}/meta.json",
    ]
    limited = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + PREPARE
    command = [sys.executable, "-c", limited, *flags, f"--vocab_file={tiny_vocab_file}"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert f"ERROR: cannot write {out}/train" in result.stderr
    assert "Traceback" not in result.stderr
    assert os.listdir(out) == []
