"""How well vectors agree with people, as a command."""

import json
import os

import numpy as np
import pytest
from vector_material import TEXTS

from bert_tf2 import cli
from bert_tf2.api import TextEncoder
from bert_tf2.jobs.vectors.evaluate_vectors import EvaluateVectorsOptions, evaluate_vectors

PAIRS = [(one, other) for one in TEXTS[:3] for other in TEXTS[:5]]
SCORES = [float(place * 7 % 5) for place in range(len(PAIRS))]


def evaluate(folder, *flags: str) -> int:
    flags = (f"--init_checkpoint={folder}", *flags)
    return cli.run(evaluate_vectors, EvaluateVectorsOptions, "", ["evaluate_vectors", *flags])


def write_pairs(path, header, separator="\t"):
    rows = [separator.join([one, other, str(score)]) for (one, other), score in zip(PAIRS, SCORES)]
    path.write_text("\n".join([*([separator.join(header)] if header else []), *rows]) + "\n")


def test_scores_are_scipys(model, tmp_path, capsys):
    stats, distance = pytest.importorskip("scipy.stats"), pytest.importorskip("scipy.spatial.distance")
    write_pairs(tmp_path / "sick.txt", ["sentence_A", "sentence_B", "relatedness_score"])
    write_pairs(tmp_path / "glue.tsv", ["sentence1", "sentence2", "score"])
    write_pairs(tmp_path / "own.tsv", None)
    output = tmp_path / "vector_scores.json"
    assert evaluate(model.folder, f"--input_file={tmp_path}/sick.txt,{tmp_path}/glue.tsv", f"--output_file={output}") == 0
    assert "15 pairs, Spearman x 100: cosine " in capsys.readouterr().out
    written = json.loads(output.read_text())
    sick, glue = written["vector_scores"].values()
    assert sick == glue
    assert written["vectors"]["pooling"] == "mean"
    vectors = dict(zip(TEXTS, TextEncoder.from_checkpoint(str(model.folder)).encode(TEXTS[:5]).astype(np.float64)))
    kinds = {
        "cosine": lambda a, b: 1 - distance.cosine(a, b),
        "dot": np.dot,
        "euclidean": lambda a, b: -distance.euclidean(a, b),
        "manhattan": lambda a, b: -distance.cityblock(a, b),
    }
    assert sick["pairs"] == len(PAIRS)
    for kind, similarity in kinds.items():
        # What is equal stays equal.
        values = np.round([similarity(vectors[one], vectors[other]) for one, other in PAIRS], 9)
        assert sick[kind]["spearman"] == pytest.approx(stats.spearmanr(SCORES, values).statistic, abs=1e-6)
        assert sick[kind]["pearson"] == pytest.approx(stats.pearsonr(SCORES, values).statistic, abs=1e-6)
    places = ["--text_column=0", "--text_b_column=1", "--score_column=2"]
    assert evaluate(model.folder, f"--input_file={tmp_path}/own.tsv", *places, f"--output_file={output}") == 0
    assert list(json.loads(output.read_text())["vector_scores"].values()) == [sick]


@pytest.mark.parametrize(
    ("rows", "flags", "message"),
    [
        ("sentence1\tsentence2\ngood\tbad\n", [], "Pass --score_column"),
        ("sentence1\tsentence2\tscore\ngood\tbad\tmuch\n", [], "pairs.tsv:2: the score must be a number; got 'much'"),
        ("sentence1\tsentence2\tscore\ngood\tbad\n", [], "pairs.tsv:2: 2 columns, but"),
        ("sentence1\tsentence2\tscore\ngood\tbad\t1\n", [], "a correlation needs two pairs at least; found 1"),
        ("a\tb\tscore\n", ["--text_column=c"], "no column 'c' (--text_column)"),
        ("", [], "the file is empty"),
        ("sentence1\tsentence2\tscore\na\tb\t1\na\tc\t2\n", ["--output_file={}/pairs.tsv"], "would overwrite --input_file"),
        ("sentence1\tsentence2\tscore\na\tb\t1\na\tc\t2\n", ["--output_file={}/other.json"], "holds no scores of vectors"),
    ],
    ids=str,
)
def test_wrong_input(model, tmp_path, capsys, rows, flags, message):
    (tmp_path / "pairs.tsv").write_text(rows)
    (tmp_path / "other.json").write_text("[]")
    before = sorted(os.listdir(tmp_path))
    flags = [flag.format(tmp_path) for flag in flags] or [f"--output_file={tmp_path}/scores.json"]
    assert evaluate(model.folder, f"--input_file={tmp_path}/pairs.tsv", *flags) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert sorted(os.listdir(tmp_path)) == before
