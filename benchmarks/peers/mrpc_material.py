"""What the benchmarks on MRPC are made of: records, padded ones, configurations and a checkpoint that the garden reads."""

import pathlib
import sys

from peers import turns
from peers.weights import BASE_CONFIG, make_garden_weights

from bert_tf2 import files
from bert_tf2.jobs.commands import demo_material

MAX_SEQ_LENGTH = 128


def make(work: pathlib.Path, weights: pathlib.Path, data_dir: str) -> None:
    """Makes records (padded for the garden), a TF2 checkpoint of the weights and the configurations in `work`.

    Args:
      work: where they go.
      weights: the demo's MiniLM folder; downloaded where it is absent.
      data_dir: directory of MRPC's train.tsv.
    """
    files.make_directory(str(work))
    demo_material.get_weights(str(weights), str(work / "downloads"))
    script = [sys.executable, str(turns.ROOT / "data_prep" / "create_finetuning_data.py"), "--classification_task_name=MRPC"]
    script += [f"--input_data_dir={data_dir}", f"--vocab_file={weights / 'vocab.txt'}", f"--max_seq_length={MAX_SEQ_LENGTH}"]
    for name, more in (("train", []), ("padded", ["--pad_to_max_length"])):
        outputs = [f"--train_data_output_path={work / name}.tf_record", f"--meta_data_file_path={work / name}.json"]
        turns.run_quietly([*script, *outputs, *more])
    files.write_json(str(work / "base.json"), BASE_CONFIG)
    make_garden_weights(work, weights)
