"""Pre-training records that a tiny model learns from, their metadata, and the command line that uses them."""

import json
import pathlib
import random

import job_processes

from bert_tf2 import cli
from bert_tf2.data.records.metadata import PRETRAINING, MetaData, write_meta_data
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.tasks.pretraining.features import pretraining_features
from bert_tf2.tasks.pretraining.metadata import PretrainingSettings
from bert_tf2.text.tokenizer import load_tokenizer

MAX_SEQ_LENGTH, MAX_PREDICTIONS, MASK = 24, 4, 4


def make_record(tokenizer, chosen: random.Random, pairs: bool, masked: bool) -> dict[str, list | int]:
    """A record of one or two short sentences; the second is `random` when it ends in another word."""
    word, other = chosen.sample(["good", "bad"], 2)
    label = chosen.randrange(2)
    sentences = [
        ["the", "movie", "was"] + ["very"] * chosen.randrange(4) + [last, "!"] for last in (word, other if label else word)
    ]
    ids, segments = [tokenizer.vocabulary["[CLS]"]], [0]
    for segment, sentence in enumerate(sentences[: 2 if pairs else 1]):
        part = [tokenizer.vocabulary[word] for word in sentence] + [tokenizer.vocabulary["[SEP]"]]
        ids += part
        segments += [segment] * len(part)
    record = {"input_mask": [1] * len(ids), "segment_ids": segments}
    special = (tokenizer.vocabulary["[CLS]"], tokenizer.vocabulary["[SEP]"])
    places = [place for place, token in enumerate(ids) if token not in special]
    if masked:
        positions = sorted(chosen.sample(places, max(1, round(0.15 * len(ids)))))
        record |= {"masked_lm_positions": positions, "masked_lm_ids": [ids[place] for place in positions]}
        record["masked_lm_weights"] = [1.0] * len(positions)
        ids = [MASK if place in positions else token for place, token in enumerate(ids)]
    else:
        numbers = {place: number for number, place in enumerate(places, 1)}
        record["masking_units"] = [numbers.get(place, 0) for place in range(len(ids))]
    return record | {"input_ids": ids} | ({"next_sentence_labels": label} if pairs else {})


class PretrainingWorkplace:
    """A directory with record files, held-out records, a configuration and a vocabulary."""

    def __init__(self, directory: pathlib.Path, vocab_file: str, config: dict):
        self.directory, self.vocab_file = directory, vocab_file
        self.config_file = directory / "bert_config.json"
        # A wider start than BERT's lets sixteen units learn in a few dozen steps.
        self.config_file.write_text(json.dumps(config | {"initializer_range": 0.2, "hidden_dropout_prob": 0.0}))
        self.model_dir = directory / "model"
        self.tokenizer = load_tokenizer(vocab_file=vocab_file)

    def write(self, folder: str, files: int, rows: int, *, seed=0, pairs=True, masked=True, meta=True, **writing) -> None:
        """Writes `files` record files of about `rows` records each, and their metadata."""
        chosen, shards = random.Random(seed), []
        for index in range(files):
            path = self.directory / folder / f"part-{index:05d}-of-{files:05d}.tfrecord"
            with RecordWriter(str(path), pretraining_features(masked=masked, next_sentence=pairs), **writing) as writer:
                for _ in range(rows + index):
                    writer.write(make_record(self.tokenizer, chosen, pairs, masked))
            shards.append(writer.finish())
        if not meta:
            return
        settings = PretrainingSettings(
            max_predictions_per_seq=MAX_PREDICTIONS,
            masked_lm_prob=0.15,
            sentence_pairs="nsp" if pairs else "none",
            dynamic_masking=not masked,
            mask_id=MASK,
        )
        meta_data = MetaData(
            task_type=PRETRAINING,
            max_seq_length=MAX_SEQ_LENGTH,
            sizes={"train": sum(shard.records for shard in shards)},
            do_lower_case=True,
            vocab_size=len(self.tokenizer.vocabulary),
            vocab_fingerprint=self.tokenizer.fingerprint,
            shards=tuple(shards),
            extra=settings.to_extra(),
        )
        write_meta_data(str(self.directory / folder / "meta_data.json"), meta_data)

    def arguments(self, *flags: str) -> list[str]:
        """The command line of a run; later flags win."""
        return [
            f"--input_files={self.directory}/records/part-*",
            f"--bert_config_file={self.config_file}",
            f"--model_dir={self.model_dir}",
            "--num_gpus=0",
            "--seed=1",
            "--train_batch_size=16",
            "--learning_rate=0.01",
            "--num_train_steps=60",
            "--log_steps=20",
            *flags,
        ]

    def run(self, *flags: str) -> int:
        """Runs the job with `arguments` and returns the exit code."""
        return self.run_as_given(*self.arguments(*flags))

    def run_as_given(self, *flags: str) -> int:
        """Runs the job with these flags only."""
        return cli.run(run_pretraining, PretrainingOptions, "", ["run_pretraining.py", *flags])

    def read(self, name: str):
        """A JSON file of the model's directory."""
        return json.loads((self.model_dir / name).read_text())

    def history(self, kind: str, model_dir: pathlib.Path | None = None) -> list[dict]:
        """The entries of the training's history."""
        return job_processes.history(model_dir or self.model_dir, kind)
