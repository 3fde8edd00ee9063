"""SST-2 as records for the demo's MiniLM, and trainings of `run_classifier.py` on them."""

import json
import os
import pathlib
import shutil
import sys

from peers import turns

from bert_tf2 import files
from bert_tf2.jobs.commands import demo_material


def is_missing(data_dir: str) -> bool:
    """Whether a directory lacks one of the data set's files; says so."""
    missing = [name for name in ("train.tsv", "dev.tsv") if not os.path.isfile(os.path.join(files.expand(data_dir), name))]
    if missing:
        print(f"SKIPPED: no {missing[0]} in {data_dir}; give SST-2's directory with --data_dir")
    return bool(missing)


class Sst2:
    """Records of the first training rows and of the development set, made anew.

    Args:
      data_dir: of train.tsv and dev.tsv.
      weights_dir: MiniLM's folder; downloaded where it is absent.
      work_dir: for records and models.
      train_size: so many training rows, the first ones; None for all.
      max_seq_length: the longest row in tokens.

    Attributes:
      work: the directory for records and models.
      texts: those of the development set.
      of_weights: the flags that name MiniLM.
    """

    def __init__(self, data_dir: str, weights_dir: str, work_dir: str, train_size: int | None, max_seq_length: int):
        self.work, weights, data = (pathlib.Path(files.expand(one)).resolve() for one in (work_dir, weights_dir, data_dir))
        files.make_directory(str(self.work))
        demo_material.get_weights(str(weights), str(self.work / "downloads"))
        self.of_weights = [f"--bert_config_file={weights / 'config.json'}", f"--init_checkpoint={weights}"]
        command = [sys.executable, "data_prep/create_finetuning_data.py", "--text_column=sentence", "--label_column=label"]
        for split, name, rows in (("train", "train.tsv", train_size), ("eval", "dev.tsv", None)):
            lines = (data / name).read_text(encoding="utf-8").splitlines(keepends=True)
            path = self.work / name
            path.write_text("".join(lines[: rows and rows + 1]), encoding="utf-8")
            command += [f"--{split}_file={path}", f"--{split}_data_output_path={self.work / split}.tf_record"]
        # Those of the development set, the last that was read.
        self.texts = [line.split("\t")[0] for line in lines[1:]]
        command += [f"--meta_data_file_path={self.work / 'meta_data.json'}", f"--vocab_file={weights / 'vocab.txt'}"]
        turns.run_quietly([*command, f"--max_seq_length={max_seq_length}"])

    def trained(self, name: str, *flags: str) -> tuple[pathlib.Path, float]:
        """Trains in a directory of that name, which is emptied before, and evaluates.

        Args:
          name: of the directory.
          flags: the model's and the training's.

        Returns:
          The directory, and the accuracy on the development set in percent.
        """
        model_dir = self.work / name
        shutil.rmtree(model_dir, ignore_errors=True)
        turns.run_quietly(
            [
                sys.executable,
                "run_classifier.py",
                "--mode=train_and_eval",
                f"--train_data_path={self.work / 'train.tf_record'}",
                f"--eval_data_path={self.work / 'eval.tf_record'}",
                f"--input_meta_data_path={self.work / 'meta_data.json'}",
                f"--model_dir={model_dir}",
                *flags,
            ]
        )
        return model_dir, 100 * json.loads((model_dir / "eval_results.json").read_text())["accuracy"]
