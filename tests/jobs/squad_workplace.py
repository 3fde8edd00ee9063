"""A small question-answering task that a tiny model learns: the answer is the word "movie"."""

import copy
import json
import pathlib
import random
import shutil

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

WORDS = ["the", "was", "good", "bad", "very"]


def write_squad(path: pathlib.Path, questions: int, seed: int, impossible: bool = False) -> dict[str, str]:
    """Writes a SQuAD file, of version 2.0 if a third of the questions are to be impossible; returns answers by id."""
    chosen, paragraphs, gold = random.Random(seed), [], {}
    for number in range(questions):
        words = [chosen.choice(WORDS) for _ in range(chosen.randrange(6, 40))]
        id, question = f"{path.stem}-{number}", {"question": chosen.choice(["what was good?", "which movie?"])}
        place = chosen.randrange(len(words))
        is_impossible = impossible and number % 3 == 0
        if not is_impossible:
            words[place] = "Movie"
        context = " ".join(words) + "."
        start = len(" ".join(words[:place])) + (place > 0)
        text = words[place]
        question |= {"id": id, "answers": [] if is_impossible else [{"text": text, "answer_start": start}]}
        if impossible:
            question["is_impossible"] = is_impossible
        gold[id] = "" if is_impossible else text
        paragraphs.append({"context": context, "qas": [question]})
    data = [{"title": "made up", "paragraphs": paragraphs[i : i + 10]} for i in range(0, len(paragraphs), 10)]
    path.write_text(json.dumps({"version": "v2.0" if impossible else "1.1", "data": data}), encoding="utf-8")
    return gold


class SquadWorkplace:
    """A directory with SQuAD files, records, metadata and a configuration, and the command line that uses them.

    `vocab_file` may be a SentencePiece model.
    """

    def __init__(self, directory: pathlib.Path, vocab_file: str, config: dict, impossible: bool = False):
        self.directory, self.impossible = directory, impossible
        self.of_pieces = vocab_file.endswith(".model")
        self.vocabulary = f"--{'spm_model_file' if self.of_pieces else 'vocab_file'}={vocab_file}"
        self.config_file = directory / "bert_config.json"
        # A wider start than BERT's lets sixteen units learn in a few dozen steps.
        self.config_file.write_text(json.dumps(config | {"initializer_range": 0.2, "hidden_dropout_prob": 0.0}))
        self.model_dir = directory / "model"
        write_squad(directory / "train.json", 160, 1, impossible)
        self.gold = write_squad(directory / "dev.json", 47, 2, impossible)

    def copied(self, directory: pathlib.Path) -> "SquadWorkplace":
        """The same in another directory, with all that is there."""
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)
        place = copy.copy(self)
        place.directory, place.config_file, place.model_dir = directory, directory / "bert_config.json", directory / "model"
        return place

    def prepare(self, *flags: str) -> int:
        """Makes the training records."""
        arguments = [
            "--fine_tuning_task_type=squad",
            f"--squad_data_file={self.directory / 'train.json'}",
            f"--train_data_output_path={self.directory / 'train.tf_record'}",
            f"--meta_data_file_path={self.directory / 'meta_data.json'}",
            self.vocabulary,
            *(["--tokenization=SentencePiece"] if self.of_pieces else []),
            "--max_seq_length=32",
            "--doc_stride=8",
            "--max_query_length=8",
            *(["--version_2_with_negative"] if self.impossible else []),
        ]
        return cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments, *flags])

    def arguments(self, *flags: str) -> list[str]:
        """The command line of a run on the records; later flags win."""
        return [
            f"--input_meta_data_path={self.directory / 'meta_data.json'}",
            f"--train_data_path={self.directory / 'train.tf_record'}",
            f"--predict_file={self.directory / 'dev.json'}",
            self.vocabulary,
            f"--bert_config_file={self.config_file}",
            f"--model_dir={self.model_dir}",
            *TRAINING,
            *flags,
        ]

    def run(self, *flags: str) -> int:
        """Runs the job on the records and returns the exit code."""
        return self.run_as_given(*self.arguments(*flags))

    def run_as_given(self, *arguments: str) -> int:
        """Runs the job with these arguments alone."""
        return cli.run(run_squad, SquadOptions, "", ["run_squad.py", *arguments])

    def read(self, name: str):
        """A JSON file of the model directory."""
        return json.loads((self.model_dir / name).read_text(encoding="utf-8"))


TRAINING = ["--num_gpus=0", "--seed=1", "--train_batch_size=16", "--learning_rate=0.01", "--num_train_epochs=4"]
