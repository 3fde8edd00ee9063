"""What holds of every kind of task holds of similarity: padding, batch sizes, resumption, exports; for every form of rows."""

import itertools
import json

import pytest

from bert_tf2.api import check_task

TEXTS = ["the movie was good", "it was bad", "so so", "a very long and very good movie", "the movie", "neither"]
# Each pair once: equal cosines would be ranked by their last bits.
PAIRS = list(itertools.combinations(TEXTS, 2))
KNOWN = {"triplets": {"negative": "neither good and bad nor long"}, "scores": {"score": 0}, "labels": {"label": "yes"}}
METRICS = {"triplets": "triplet_accuracy", "scores": "spearman", "labels": "accuracy"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("triplets", {"pooling": "cls"}),
        ("scores", {"pooling": "max"}),
        ("labels", {"pooling": "pooler"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_similarity_holds_what_every_kind_must(tmp_path, form, options):
    rows = []
    for number, (first, second) in enumerate(PAIRS):
        known = {name: number % 4 if name == "score" else value for name, value in KNOWN[form].items()}
        known |= {"label": "no"} if form == "labels" and number % 2 else {}
        rows.append({"text": first, "text_b": second, **known})
    for name, some in (("train", rows), ("test", rows[:3])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    scores = check_task("similarity", str(tmp_path / "train.jsonl"), test_file=str(tmp_path / "test.jsonl"), run_options=options)
    assert METRICS[form] in scores
