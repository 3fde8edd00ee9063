"""Training speed of further encoders beside transformers' TensorFlow classes and the garden's ALBERT, in turn, on the same rows.

    python benchmarks/families.py --families=electra,albert

MRPC train, max_seq_length 128, batch 32, fp32, random weights: ELECTRA-Small, ALBERT-Base, DistilBERT and RoBERTa of six blocks.
Peers pad to 128, as `run_classifier.py` of the garden and the TensorFlow examples of transformers do, and are trained by
`tf_keras`'s fit with the garden's AdamW; bert_tf2 pads to the longest row of a batch of rows of like length. RoBERTa's rows are
those of the others: WordPiece ids of a vocabulary smaller than its own.
"""

import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np
from peers import mrpc_material, turns

from bert_tf2 import cli, files
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.models.families.base import config_of
from bert_tf2.options import Options, at_least, option
from bert_tf2.tasks.classification.features import classification_features

BASE = {"num_attention_heads": 12, "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512}
CONFIGS = {
    "electra": {"model_type": "electra"},
    "albert": {"model_type": "albert", **BASE, "num_hidden_layers": 12, "embedding_size": 128, "vocab_size": 30522},
    "distilbert": {"model_type": "distilbert"},
    "roberta": {"model_type": "roberta", **BASE, "num_hidden_layers": 6, "max_position_embeddings": 514, "type_vocab_size": 1},
}
SIDES = {"garden": "model garden", "transformers_tf": "transformers, TensorFlow", "ours": "bert_tf2"}


@dataclasses.dataclass(frozen=True)
class FamiliesOptions(Options):
    """What to compare, and how long."""

    data_dir: str = option("../shared/data/glue/MRPC", "Directory of MRPC's train.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder, for its vocabulary; downloaded where absent.")
    work_dir: str = option("benchmark_output/families", "Directory for records and results.json.")
    families: str = option(",".join(CONFIGS), "Whose encoders, comma-separated.")
    sides: str = option(",".join(SIDES), "Whom to run, comma-separated; the garden has ALBERT only.")
    rounds: int = option(2, "How often everyone has a turn.", check=at_least(1))
    batch_size: int = option(32, "Examples per step.", check=at_least(1))
    warm_up: int = option(3, "Steps before the measurement.", check=at_least(1))
    steps: int = option(8, "Measured steps.", check=at_least(1))


def main(options: FamiliesOptions) -> None:
    """Runs everyone in turn and prints a table for each family."""
    chosen = turns.chosen("families", options.families, tuple(CONFIGS))
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    work = pathlib.Path(files.expand(options.work_dir)).resolve()
    weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
    mrpc_material.make(work, weights, str(pathlib.Path(options.data_dir).resolve()))
    _write_rows(work)
    results = []
    for family in chosen:
        config = work / f"{family}.json"
        files.write_json(str(config), config_of(CONFIGS[family]).to_hugging_face_dict())
        job = {
            "batch_size": options.batch_size,
            "config": str(config),
            "dtype": "fp32",
            "family": family,
            "max_seq_length": mrpc_material.MAX_SEQ_LENGTH,
            "meta_data": str(work / "train.json"),
            "model_dir": str(work / "model_dir"),
            "records": str(work / "train.tf_record"),
            "rows": str(work / "rows.npz"),
            "steps": options.warm_up + options.steps,
            "warm_up": options.warm_up,
            "weights": "",
        }
        runs = []
        for number in range(1, options.rounds + 1):
            for side in sides:
                if side == "garden" and family != "albert":
                    continue
                script = "ours" if side == "ours" else "tensorflow_families"
                result = turns.run_until_it_lives(sys.executable, script, {**job, "side": side})
                runs.append({"side": side, "family": family, "round": number, **result})
                print(f"{family} round {number}: {SIDES[side]}: {result['examples_per_second']:.2f} examples/s", flush=True)
        results += runs
        files.write_json(str(work / "results.json"), results)
        print(turns.table(f"{family}, fp32", runs, SIDES), flush=True)


def _write_rows(work: pathlib.Path) -> None:
    """The padded records as arrays, for programs that read no records."""
    records = RecordSet.open(str(work / "padded.tf_record"), classification_features())
    parsed = records.parse(range(len(records)))
    names = ("input_word_ids", "input_mask", "input_type_ids", "label_ids")
    np.savez(work / "rows.npz", **{name: parsed[name] for name in names})


if __name__ == "__main__":
    cli.main(main, FamiliesOptions, __doc__)
