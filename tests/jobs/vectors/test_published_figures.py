"""all-MiniLM-L6-v2's published scores, to the last digit, from the command."""

import json
import pathlib

import pytest

from bert_tf2 import cli
from bert_tf2.jobs.vectors.evaluate_vectors import EvaluateVectorsOptions, evaluate_vectors

pytestmark = [pytest.mark.slow, pytest.mark.real_data]

ROOT = pathlib.Path(__file__).resolve().parents[3]


# 100 times Spearman's correlation of the cosine; of STS-B's test sentences GLUE's file has no scores, the original has.
@pytest.mark.parametrize(
    ("file", "columns", "pairs", "spearman"),
    [
        ("sts/SICK/SICK_test_annotated.txt", [], 4927, 77.15),
        ("glue/STS-B/dev.tsv", [], 1500, 86.72),
        ("sts/STS-B/sts-test.tsv", ["--text_column=5", "--text_b_column=6", "--score_column=4"], 1379, 82.03),
    ],
)
def test_scores_are_the_published_ones(minilm, real_data, tmp_path, file, columns, pairs, spearman):
    if not (real_data / file).is_file():
        pytest.skip(f"needs {file} in ../shared/data")
    flags = [f"--init_checkpoint={minilm}", f"--input_file={real_data / file}", "--pooling=mean", *columns]
    flags.append(f"--output_file={tmp_path}/scores.json")
    assert cli.run(evaluate_vectors, EvaluateVectorsOptions, "", ["evaluate_vectors", *flags]) == 0
    (scores,) = json.loads((tmp_path / "scores.json").read_text())["vector_scores"].values()
    assert scores["pairs"] == pairs
    assert round(100 * scores["cosine"]["spearman"], 2) == spearman
