"""The command that scores a predictions file: the official numbers, a readable table, and one line for whatever is wrong."""

import json
import subprocess
import sys

import pytest

from bert_tf2 import cli
from bert_tf2.jobs.commands.score_squad import ScoreSquadOptions, score_squad

V1 = {"1": ["the cat"], "2": ["dog", "a big dog"]}
V2 = {"1": ["the cat"], "2": []}


def squad(golds: dict[str, list[str]]) -> str:
    qas = [
        {"id": id, "question": "What?", "answers": [{"text": text, "answer_start": 0} for text in texts]}
        | ({} if texts else {"is_impossible": True})
        for id, texts in golds.items()
    ]
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "the cat, a big dog", "qas": qas}]}]})


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command on files of these contents; returns the exit code, standard output and standard error."""

    def run(data: str, predictions: str, *arguments: str) -> tuple[int, str, str]:
        for name, text in (("dev.json", data), ("predictions.json", predictions)):
            (tmp_path / name).write_text(text, encoding="utf-8")
        flags = [f"--data_file={tmp_path}/dev.json", f"--predictions_file={tmp_path}/predictions.json", *arguments]
        code = cli.run(score_squad, ScoreSquadOptions, "Scores.", ["score", *flags])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_version_1(run, tmp_path):
    code, out, err = run(squad(V1), '{"1": "Cat.", "2": "big dog"}', f"--output_file={tmp_path}/out/scores.json")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "SQuAD 1.1, 2 questions",
        "exact match              100.0000",
        "F1                       100.0000",
    ]
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores == {"exact_match": 100.0, "f1": 100.0, "total": 2, "missing_predictions": 0, "unknown_predictions": 0}


def test_version_2_with_null_odds(run, tmp_path):
    (tmp_path / "odds.json").write_text('{"1": -3, "2": 1.5}')
    code, out, err = run(squad(V2), '{"1": "cat", "2": "dog"}', f"--null_odds_file={tmp_path}/odds.json")
    assert (code, err) == (0, "")
    assert [line.rsplit(None, 1) for line in out.splitlines()[1:]] == [
        ["exact match", "50.0000"],
        ["F1", "50.0000"],
        ["exact match, questions with an answer (1)", "100.0000"],
        ["F1, questions with an answer (1)", "100.0000"],
        ["exact match, questions without an answer (1)", "0.0000"],
        ["F1, questions without an answer (1)", "0.0000"],
        ["best exact match (threshold -3)", "100.0000"],
        ["best F1 (threshold -3)", "100.0000"],
    ]


def test_ids_that_do_not_meet_are_reported(run, tmp_path):
    predictions = json.dumps({"2": "dog", **{f"u{number}": "x" for number in range(7)}})
    code, out, err = run(squad(V1), predictions, f"--output_file={tmp_path}/scores.json")
    assert code == 0
    assert err.splitlines() == [
        "WARNING: 1 questions have no prediction and score 0 (ids 1)",
        "WARNING: 7 predictions are for ids that are not in the data and are not used (ids u0, u1, u2, u3, u4, …)",
    ]
    assert "exact match               50.0000" in out
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["missing_predictions"], scores["unknown_predictions"]) == (1, 7)


@pytest.mark.parametrize(
    ("data", "predictions", "message"),
    [
        (squad(V1), "{1: 2}", "predictions.json:1:2: not valid JSON"),
        (squad(V1), "", "predictions.json is empty, not an answer for each question id"),
        (squad(V1), "[]", 'must be an object {"question id": an answer, …}; found a list of 0'),
        (squad(V1), '"x"', "found 'x'"),
        (squad(V1), "{}", "holds nothing; expected an answer for each question id"),
        (squad(V1), '{"1": null}', "the value of '1' must be a text; found null"),
        (squad(V1), '{"1": 7}', "the value of '1' must be a text; found 7"),
        (squad(V1), '{"1": [{"text": "x"}]}', "found a list of 1; is this nbest_predictions.json?"),
        (squad(V1), squad(V1), "is this the data file?"),
        (squad(V1), '{"x": "cat"}', "(its first id is x, theirs 1); they do not belong together"),
        (squad({"1": [], "2": []}), '{"1": "cat"}', "no question has a gold answer"),
        (squad(V2).replace('"is_impossible": true', '"x": 0'), '{"1": "cat", "2": ""}', "question 2 has no gold answer"),
        ("{", '{"1": "cat"}', "dev.json"),
        ("[]", '{"1": "cat"}', "dev.json"),
        ('{"data": []}', '{"1": "cat"}', "dev.json"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, data, predictions, message):
    code, out, err = run(data, predictions)
    assert (code, out) == (2, "")
    assert err.startswith("ERROR: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("odds", "message"),
    [
        ('{"1": "x", "2": 0}', "the value of '1' must be a finite number; found 'x'"),
        ('{"1": NaN, "2": 0}', "the value of '1' must be a finite number; found nan"),
        ('{"1": true}', "must be a finite number; found True"),
        ('{"1": 0.5}', "1 predicted questions have no null odds (ids 2)"),
    ],
)
def test_null_odds_that_cannot_be_used(run, tmp_path, odds, message):
    (tmp_path / "odds.json").write_text(odds)
    code, _, err = run(squad(V2), '{"1": "cat", "2": ""}', f"--null_odds_file={tmp_path}/odds.json")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_null_odds_are_for_version_2(run, tmp_path):
    (tmp_path / "odds.json").write_text('{"1": 0, "2": 0}')
    code, _, err = run(squad(V1), '{"1": "cat", "2": ""}', f"--null_odds_file={tmp_path}/odds.json")
    assert code == 2
    assert "--null_odds_file is for SQuAD 2.0" in err


def test_files_that_are_not_there(capsys, tmp_path):
    for flags, message in (
        ([f"--predictions_file={tmp_path}/p.json"], "--data_file is required: "),
        ([f"--data_file={tmp_path}/no.json", "--predictions_file=p"], "--data_file: no such file"),
    ):
        assert cli.run(score_squad, ScoreSquadOptions, "Scores.", ["score", *flags]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.real_data
def test_official_numbers_without_tensorflow(real_data, tmp_path):
    squad_data = real_data / "squad"
    predictions = squad_data / "predictions" / "BERT_ensemble_Google_AI_Language_1.1.json"
    program = (
        "import sys; from bert_tf2.jobs.commands.score_squad import *\n"
        f"score_squad(ScoreSquadOptions({str(squad_data / 'dev-v1.1.json')!r}, {str(predictions)!r}, "
        f"output_file={str(tmp_path / 'scores.json')!r}))\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "exact match                    86.2062" in done.stdout
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert (scores["exact_match"], scores["f1"], scores["total"]) == (86.20624408703878, 92.19557978351145, 10570)


def test_chinese_has_scores_of_characters(run, tmp_path):
    data = squad({"1": ["三国演义"], "2": ["2010年"]}).replace("What?", "什么？")
    code, out, _ = run(data, '{"1": "《三国演义》", "2": "在2010年"}', f"--output_file={tmp_path}/scores.json")
    assert code == 0
    assert "CMRC 2018's script" in out
    assert [line.rsplit(None, 1) for line in out.splitlines()[2:]] == [
        ["exact match", "0.0000"],
        ["F1", "0.0000"],
        ["exact match, by characters", "50.0000"],
        ["F1, by characters", "90.0000"],
    ]
    assert json.loads((tmp_path / "scores.json").read_text())["char_f1"] == pytest.approx(90)
    code, out, _ = run(data, '{"1": "三国演义", "2": "2010年"}', "--answer_language=words")
    assert "characters" not in out
