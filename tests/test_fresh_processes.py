"""Training in many fresh processes: TensorFlow 2.20 with oneDNN on can corrupt its heap, and none of ours may die of it."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROCESSES = 12
AT_ONCE = 2
EXAMPLES = 40


@pytest.fixture
def records(tmp_path, tiny_vocab_file, tiny_config_dict):
    """Records of a few rows of different lengths; the last batch is smaller, down to one row."""
    lines = ["text\tlabel"]
    for number in range(EXAMPLES + 1):
        lines.append(f"{'very ' * (number % 9)}{'good' if number % 2 else 'bad'}\t{number % 2}")
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "bert_config.json").write_text(json.dumps(tiny_config_dict))
    command = [sys.executable, "data_prep/create_finetuning_data.py"]
    for split in ("train", "eval"):
        command += [f"--{split}_file={tmp_path}/train.tsv", f"--{split}_data_output_path={tmp_path}/{split}.tf_record"]
    command += ["--text_column=text", "--label_column=label", f"--vocab_file={tiny_vocab_file}", "--max_seq_length=16"]
    subprocess.run([*command, f"--meta_data_file_path={tmp_path}/meta_data.json"], cwd=ROOT, check=True, capture_output=True)
    return tmp_path


@pytest.mark.slow
def test_no_fresh_process_dies(records):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    environment["TF_ENABLE_ONEDNN_OPTS"] = "1"

    def train(number: int) -> tuple[int, str]:
        command = [sys.executable, "run_classifier.py", "--mode=train_and_eval", f"--bert_config_file={records}/bert_config.json"]
        command += [f"--input_meta_data_path={records}/meta_data.json", f"--train_data_path={records}/train.tf_record"]
        command += [f"--eval_data_path={records}/eval.tf_record", f"--model_dir={records}/model_{number}", f"--seed={number}"]
        command += ["--train_batch_size=4", "--num_train_epochs=1", "--num_gpus=0"]
        # Both number formats: their kernels differ.
        command += [f"--dtype={'bf16' if number % 4 == 3 else 'fp32'}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr[-2000:]

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(train, range(PROCESSES)))
    failed = {number: result for number, result in enumerate(results) if result[0] != 0}
    assert not failed, failed
