"""benchmarks/gpu.py on a CPU with a tiny model: cases of every driver of ours run, and results are kept."""

import json
import pathlib
import random
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = ["the", "movie", "was", "good", "bad", "very"]


def sentence(draws: random.Random, words: int) -> str:
    """So many words and a full stop."""
    return " ".join(draws.choices(WORDS, k=words)) + "."


def write_files(directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """Small files by the flags that name them."""
    draws = random.Random(1)
    (directory / "mrpc").mkdir()
    pairs = [f"{number % 2}\t{number}\t{number}\t{sentence(draws, 3)}\t{sentence(draws, 6)}" for number in range(24)]
    (directory / "mrpc" / "train.tsv").write_text("\n".join(["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", *pairs]) + "\n")
    answers = [{"text": "the", "answer_start": 0}]
    paragraphs = [
        {"context": f"the {sentence(draws, 9)}", "qas": [{"id": str(number), "question": "what was good?", "answers": answers}]}
        for number in range(24)
    ]
    squad = {"version": "1.1", "data": [{"title": "made up", "paragraphs": paragraphs}]}
    (directory / "squad.json").write_text(json.dumps(squad))
    book = [" ".join(sentence(draws, 12) for _ in range(8)) for _ in range(400)]
    (directory / "book.txt").write_text("\n\n".join(book) + "\n")
    files = {"data_dir": "mrpc", "squad_file": "squad.json", "text_files": "book.txt"}
    return {flag: directory / name for flag, name in files.items()}


def run(*flags: str) -> subprocess.CompletedProcess:
    """The benchmark in a process of its own."""
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_cases_of_ours_run_on_a_cpu(tmp_path, tiny_vocab_file):
    records = f"--records_dir={tmp_path / 'records'}"
    files = [f"--{flag}={path}" for flag, path in write_files(tmp_path).items()]
    prepared = run("--prepare", records, f"--vocab_file={tiny_vocab_file}", "--pretraining_rows=4", *files)
    assert prepared.returncode == 0, prepared.stderr

    flags = ["--device=cpu", "--tiny", "--sides=ours", records, f"--work_dir={tmp_path / 'work'}"]
    of_steps = ("mrpc_bf16", "pretraining_bf16")
    measured = run(*flags, "--budget_s=3000", f"--cases={','.join(of_steps)}")
    assert measured.returncode == 0, measured.stdout + measured.stderr
    results = json.loads((tmp_path / "work" / "results.json").read_text())
    for group in of_steps:
        result = results["cases"][f"{group}/bert_tf2"]
        assert result["examples_per_second"] > 0
        assert result["compiled"][0][1] > 0
        assert result["peak_mb"] > 0
    pretraining = results["cases"]["pretraining_bf16/bert_tf2"]
    assert pretraining["slots_per_step"] == pretraining["tokens_per_step"] == 2 * 512
    again = results["cases"]["mrpc_bf16/bert_tf2_started_again"]
    assert again["compiled"]
    assert "examples_per_second" not in again
    assert results["failed"] == results["left_out"] == {}
    for title in ("MRPC at 128, BERT-Base, training, bf16", "pre-training, rows of 512 full"):
        assert title in measured.stdout

    # What is there is not measured again; a peer without its Python is named.
    second = run(*flags, "--sides=ours,hugging_face", "--cases=mrpc_bf16")
    assert second.returncode == 0, second.stderr
    kept = json.loads((tmp_path / "work" / "results.json").read_text())
    assert kept["cases"] == results["cases"]
    assert "left out mrpc_bf16/pytorch_torch_compile_padded: no Python with torch" in second.stdout


def test_a_command_that_cannot_be_says_what_is_missing(tmp_path):
    unprepared = run("--device=cpu", "--tiny", f"--records_dir={tmp_path}")
    assert unprepared.returncode == 2
    assert "make it with --prepare" in unprepared.stderr
    no_data = run("--prepare", f"--records_dir={tmp_path}", f"--data_dir={tmp_path}")
    assert no_data.returncode == 2
    assert "give it with --data_dir" in no_data.stderr
