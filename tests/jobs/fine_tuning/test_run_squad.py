"""run_squad from records or SQuAD files to answers, scores, reports and exports."""

import json

import numpy as np
import pytest
import tensorflow as tf
from squad_workplace import TRAINING, SquadWorkplace, write_squad


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict) -> SquadWorkplace:
    """Records and a configuration; nothing is trained yet."""
    workplace = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    assert workplace.prepare() == 0
    return workplace


@pytest.fixture
def place_2(tmp_path, tiny_vocab_file, tiny_config_dict) -> SquadWorkplace:
    """As `place`, with questions that have no answer."""
    workplace = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict, impossible=True)
    assert workplace.prepare() == 0
    return workplace


def trained_in(directory, vocabulary, impossible) -> SquadWorkplace:
    vocab_file = directory / "vocab.txt"
    vocab_file.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = {"vocab_size": len(vocabulary), "max_position_embeddings": 64, **sizes}
    workplace = SquadWorkplace(directory, str(vocab_file), config, impossible)
    assert workplace.prepare() == 0
    assert workplace.run("--mode=train") == 0
    return workplace


@pytest.fixture(scope="module")
def trained_place(tmp_path_factory, tiny_vocabulary) -> SquadWorkplace:
    return trained_in(tmp_path_factory.mktemp("trained"), tiny_vocabulary, impossible=False)


@pytest.fixture(scope="module")
def trained_place_2(tmp_path_factory, tiny_vocabulary) -> SquadWorkplace:
    return trained_in(tmp_path_factory.mktemp("trained_2"), tiny_vocabulary, impossible=True)


@pytest.fixture
def trained(tmp_path, trained_place) -> SquadWorkplace:
    """As `place`, with a model that was trained there."""
    return trained_place.copied(tmp_path)


@pytest.fixture
def trained_2(tmp_path, trained_place_2) -> SquadWorkplace:
    """As `place_2`, with a model that was trained there."""
    return trained_place_2.copied(tmp_path)


def test_train_and_eval(place):
    assert place.run("--mode=train_and_eval", "--sub_model_export_name=encoder") == 0
    scores = place.read("eval_results.json")
    assert scores["exact_match"] > 95
    assert scores["f1"] >= scores["exact_match"]
    predictions = place.read("predictions.json")
    assert list(predictions) == list(place.gold)
    right = np.mean([predictions[id] == text for id, text in place.gold.items()])
    assert 100 * right == pytest.approx(scores["exact_match"], abs=3)  # scores forgive punctuation and case
    nbest = place.read("nbest_predictions.json")
    assert list(nbest) == list(place.gold)
    for id, entries in nbest.items():
        assert entries[0]["text"] == predictions[id]
        assert set(entries[0]) == {"text", "probability", "start_logit", "end_logit"}
        assert sum(entry["probability"] for entry in entries) == pytest.approx(1)
    assert not (place.model_dir / "null_odds.json").exists()
    lines = dict(line.split(" = ") for line in (place.model_dir / "eval_results.txt").read_text().splitlines())
    assert float(lines["eval_f1"]) == scores["f1"]
    assert tf.train.list_variables(str(place.model_dir / f"encoder.ckpt-{scores['global_step']}"))
    report = (place.model_dir / "report.md").read_text()
    assert "loss_curve.png" in report
    assert "what" in report
    before = (place.model_dir / "predictions.json").read_text()
    for batch_size in (3, 64):
        assert place.run("--mode=predict", f"--predict_batch_size={batch_size}") == 0
        assert place.read("predictions.json") == json.loads(before), batch_size
    # The report of a later evaluation still tells of the training.
    assert place.run("--mode=eval") == 0
    report = (place.model_dir / "report.md").read_text()
    assert "loss_curve.png" in report
    assert f"| training steps | {scores['global_step']} |" in report


def test_scores_while_training_choose_the_best_checkpoint(place, capsys):
    assert place.run("--mode=train_and_eval", "--num_train_epochs=2", "--best_metric=f1") == 0
    best = place.read("best_checkpoint.json")
    assert best["metric"] == "f1"
    history = [json.loads(line) for line in (place.model_dir / "training_history.jsonl").read_text().splitlines()]
    evaluations = [entry for entry in history if entry["kind"] == "eval"]
    assert len(evaluations) == 2
    assert best["value"] == max(entry["f1"] for entry in evaluations)
    assert place.run("--mode=train_and_eval", "--num_train_epochs=2", "--best_metric=f1") == 0
    assert "already finished" in capsys.readouterr().err
    assert place.run("--mode=train", "--num_train_epochs=1", "--best_metric=f1") == 2


def test_the_tf1_dialect_makes_records_once_and_answers(place, capsys):
    out = place.directory / "out"
    arguments = [f"--output_dir={out}", place.vocabulary, f"--bert_config_file={place.config_file}", *TRAINING]
    arguments += ["--max_seq_length=32", "--doc_stride=8", "--max_query_length=8", "--num_train_epochs=1"]
    train = ["--do_train", f"--train_file={place.directory / 'train.json'}"]
    predict = ["--do_predict", f"--predict_file={place.directory / 'dev.json'}"]
    assert place.run_as_given(*arguments, *train) == 0
    made = (out / "train.tf_record").read_bytes()
    # The same records as create_finetuning_data makes.
    assert made == (place.directory / "train.tf_record").read_bytes()
    capsys.readouterr()
    assert place.run_as_given(*arguments, *train, *predict) == 0
    said = capsys.readouterr().err
    assert "using the records in" in said
    assert "already finished" in said
    assert list(json.loads((out / "predictions.json").read_text())) == list(place.gold)
    assert place.run_as_given(*arguments, *predict) == 0
    assert place.run_as_given(*arguments) == 2
    assert place.run_as_given(*arguments, *predict, "--mode=predict") == 2


def test_version_2_finds_keeps_and_uses_a_threshold(trained_2, capsys):
    place_2 = trained_2
    export = place_2.directory / "export"
    capsys.readouterr()
    for flags in (["--mode=predict"], ["--mode=export_only", f"--model_export_path={export}"]):
        assert place_2.run(*flags, "--null_score_diff_threshold=auto") == 2
        said = capsys.readouterr().err
        assert "evaluate first" in said
        assert "exported" not in said
    assert not list(place_2.directory.glob("export*"))
    assert place_2.run("--mode=eval", "--null_score_diff_threshold=auto") == 0
    kept = place_2.read("null_score_diff_threshold.json")
    scores = place_2.read("eval_results.json")
    assert scores["f1"] == pytest.approx(kept["f1"])
    assert scores["NoAns_total"] == 16
    odds, predictions = place_2.read("null_odds.json"), place_2.read("predictions.json")
    assert all((odds[id] > kept["value"]) == (text == "") for id, text in predictions.items())
    assert place_2.run("--mode=predict", "--null_score_diff_threshold=auto") == 0
    assert place_2.read("predictions.json") == predictions
    assert place_2.run("--mode=predict", "--null_score_diff_threshold=-100000") == 0
    assert set(place_2.read("predictions.json").values()) == {""}


def test_version_2_in_googles_dialect_finds_the_threshold_where_it_answers(place_2, capsys):
    arguments = [
        f"--output_dir={place_2.model_dir}",
        place_2.vocabulary,
        *TRAINING,
        "--version_2_with_negative",
    ]
    arguments += ["--max_seq_length=32", "--doc_stride=8", "--max_query_length=8", f"--bert_config_file={place_2.config_file}"]
    arguments += ["--null_score_diff_threshold=auto"]
    dev, train = place_2.directory / "dev.json", ["--do_train", f"--train_file={place_2.directory / 'train.json'}"]
    data = json.loads(dev.read_text())
    questions = [question for article in data["data"] for paragraph in article["paragraphs"] for question in paragraph["qas"]]
    for question in questions:
        question.update(answers=[], is_impossible=False)
    test = place_2.directory / "test.json"
    test.write_text(json.dumps(data))
    # Said before the training, not after it.
    assert place_2.run_as_given(*arguments, *train, "--do_predict", f"--predict_file={test}") == 2
    assert "holds no answers to score against for --null_score_diff_threshold=auto" in capsys.readouterr().err
    assert not list(place_2.model_dir.glob("ckpt-*"))
    assert place_2.run_as_given(*arguments, *train, "--do_predict", f"--predict_file={dev}") == 0
    kept, predictions = place_2.read("null_score_diff_threshold.json"), place_2.read("predictions.json")
    assert kept["predict_file"] == str(dev)
    assert place_2.run_as_given(*arguments, "--do_predict", f"--predict_file={test}") == 0
    assert place_2.read("predictions.json") == predictions
    assert place_2.read("null_score_diff_threshold.json") == kept
    # One that was found for another checkpoint is found anew.
    (place_2.model_dir / "null_score_diff_threshold.json").write_text(json.dumps(kept | {"value": 99.0, "global_step": 1}))
    assert place_2.run_as_given(*arguments, "--do_predict", f"--predict_file={dev}") == 0
    assert place_2.read("null_score_diff_threshold.json") == kept
    # So is one in place of something else.
    (place_2.model_dir / "null_score_diff_threshold.json").write_text("[]")
    assert place_2.run_as_given(*arguments, "--do_predict", f"--predict_file={dev}") == 0
    assert place_2.read("null_score_diff_threshold.json") == kept


def test_prediction_in_googles_dialect_remembers_the_training(place_2, capsys):
    common = [f"--output_dir={place_2.model_dir}", place_2.vocabulary]
    common += [f"--bert_config_file={place_2.config_file}", *TRAINING]
    trained = ["--version_2_with_negative", "--max_seq_length=32", "--doc_stride=8", "--max_query_length=8"]
    predict = ["--do_predict", f"--predict_file={place_2.directory / 'dev.json'}"]
    train = ["--do_train", f"--train_file={place_2.directory / 'train.json'}"]
    assert place_2.run_as_given(*common, *trained, *train, *predict) == 0
    predictions = place_2.read("predictions.json")
    assert "" in predictions.values()
    capsys.readouterr()
    # 384 tokens, Google's default, are more than the model takes.
    assert place_2.run_as_given(*common, *predict) == 0
    said = capsys.readouterr().err
    assert "--max_seq_length=32 --doc_stride=8 --max_query_length=8 --version_2_with_negative=True" in said
    assert "WARNING" not in said
    assert place_2.read("predictions.json") == predictions
    assert place_2.run_as_given(*common, *predict, *trained) == 0
    assert "as in training" not in capsys.readouterr().err
    assert place_2.run_as_given(*common, *predict, "--doc_stride=9") == 0
    assert "WARNING: --doc_stride=9, but the model was trained with 8" in capsys.readouterr().err
    for flag in ("--noversion_2_with_negative", "--nodo_lower_case"):
        assert place_2.run_as_given(*common, *predict, flag) == 2
        assert "but the records were made with True; leave the flag out" in capsys.readouterr().err
    # Without a memory nothing is known about the training, and odds of other answers do not stay.
    (place_2.model_dir / "meta_data.json").unlink()
    assert place_2.run_as_given(*common, *predict, *trained[1:]) == 0
    assert "--version_2_with_negative is not given; give it if the model was trained with it" in capsys.readouterr().err
    assert not (place_2.model_dir / "null_odds.json").exists()


def test_several_files_get_a_prefix_each(trained):
    place = trained
    write_squad(place.directory / "other.dev.json", 5, 3)
    assert place.run("--mode=predict", f"--predict_file={place.directory}/dev.json,{place.directory}/other*.json") == 0
    assert len(place.read("dev-predictions.json")) == 47
    assert len(place.read("other.dev-nbest_predictions.json")) == 5
    assert not (place.model_dir / "predictions.json").exists()
    assert place.run("--mode=eval", f"--predict_file={place.directory}/*dev.json") == 0
    assert len(place.read("predictions.json")) == 52


def test_answers_of_another_file_stay(trained_2, capsys):
    place, other = trained_2, trained_2.directory / "other.json"
    write_squad(other, 5, 3, impossible=True)
    assert place.run("--mode=eval") == 0
    names = ["predictions.json", "nbest_predictions.json", "null_odds.json", "eval_results.json", "eval_results.txt"]
    first = {name: (place.model_dir / name).read_bytes() for name in names}
    assert place.run("--mode=predict") == 0
    assert not list(place.model_dir.glob("*.dev.*"))
    capsys.readouterr()
    assert place.run("--mode=predict", f"--predict_file={other}") == 0
    assert "kept the results of dev as predictions.dev.json, nbest_predictions.dev.json" in capsys.readouterr().err
    for name, content in first.items():
        kept = name.replace(".", ".dev.")
        assert (place.model_dir / kept).read_bytes() == content != (place.model_dir / name).read_bytes()
    # Under the names of several files too: this is another dev.json.
    both = f"--predict_file={place.directory}/dev.json,{other}"
    assert place.run("--mode=predict", both) == 0
    write_squad(place.directory / "dev.json", 4, 5, impossible=True)
    assert place.run("--mode=predict", both) == 0
    assert len(place.read("dev-predictions.dev.json")) == 47
    assert len(place.read("dev-predictions.json")) == 4
    assert not list(place.model_dir.glob("other-predictions.*.json"))


def test_files_of_the_same_name_are_refused_where_each_has_its_answers(place, capsys):
    for folder in ("a", "b"):
        (place.directory / folder).mkdir()
        write_squad(place.directory / folder / f"dev-{folder}.json", 5, 3)
        (place.directory / folder / f"dev-{folder}.json").rename(place.directory / folder / "dev.json")
    several = f"--predict_file={place.directory}/*/dev.json"
    assert place.run("--mode=train_and_predict", "--num_train_epochs=1", several) == 2
    said = capsys.readouterr().err
    assert f"those to {place.directory}/a/dev.json and {place.directory}/b/dev.json would both be dev-predictions.json" in said
    assert not place.model_dir.exists()
    # Scores are of all files together, and so are the answers.
    assert place.run("--mode=train_and_eval", "--num_train_epochs=1", several) == 0
    assert len(place.read("predictions.json")) == 10


@pytest.mark.parametrize("name", ["predictions.json", "null_odds.json"])
def test_questions_are_not_overwritten_by_their_answers(place, capsys, name):
    place.model_dir.mkdir()
    questions = place.model_dir / name
    (place.directory / "dev.json").rename(questions)
    assert place.run(f"--predict_file={questions}") == 2
    assert f"writing {questions} would overwrite --predict_file" in capsys.readouterr().err
    assert list(place.model_dir.iterdir()) == [questions]


def test_a_question_without_a_token_of_context_is_answered(trained):
    place = trained
    data = json.loads((place.directory / "dev.json").read_text())
    data["data"][0]["paragraphs"].append({"context": "\u200b", "qas": [{"id": "empty", "question": "what?", "answers": []}]})
    (place.directory / "dev.json").write_text(json.dumps(data))
    assert place.run("--mode=predict") == 0
    assert place.read("predictions.json")["empty"] == ""
    assert len(place.read("predictions.json")) == 48


def test_google_text_and_exact_text_agree_but_for_what_google_aligns_anew(trained):
    place = trained
    assert place.run("--mode=predict") == 0
    exact = place.read("predictions.json")
    assert place.run("--mode=predict", "--answer_text=google") == 0
    assert place.read("predictions.json") == exact


def test_answers_with_a_checkpoint_from_elsewhere(trained, capsys):
    place = trained
    assert place.run("--mode=predict", "--sub_model_export_name=encoder") == 0
    predictions, checkpoint = place.read("predictions.json"), tf.train.latest_checkpoint(str(place.model_dir))
    encoder = next(place.model_dir.glob("encoder.ckpt-*.index"))
    place.model_dir = place.directory / "elsewhere"
    assert place.run("--mode=predict", f"--predict_checkpoint_path={checkpoint}") == 0
    assert place.read("predictions.json") == predictions
    assert place.run("--mode=predict", f"--init_checkpoint={checkpoint}") == 0
    assert place.read("predictions.json") == predictions
    capsys.readouterr()
    assert place.run("--mode=predict", f"--init_checkpoint={str(encoder).removesuffix('.index')}") == 2
    assert "no question-answering head" in capsys.readouterr().err
    other = tf.train.Checkpoint(step=tf.Variable(1)).write(str(place.directory / "other"))
    assert place.run("--mode=predict", f"--predict_checkpoint_path={other}") == 2
    said = capsys.readouterr().err
    assert "holds no encoder of" in said
    assert "run_classifier" not in said


def test_exports(trained):
    place, export = trained, trained.directory / "export"
    assert place.run("--mode=predict", f"--model_export_path={export}") == 0
    signature = tf.saved_model.load(str(export)).signatures["serving_default"]
    assert sorted(signature.structured_input_signature[1]) == ["input_mask", "input_type_ids", "input_word_ids"]
    assert sorted(signature.structured_outputs) == ["end_positions", "start_positions"]

    import tensorflow_text  # noqa: F401 (registers the operations of the tokenizer)

    answer = tf.saved_model.load(f"{export}_text").signatures["serving_default"]
    paragraphs = [p for a in json.loads((place.directory / "dev.json").read_text())["data"] for p in a["paragraphs"]]
    contexts = [paragraph["context"] for paragraph in paragraphs]
    given = answer(question=tf.constant([p["qas"][0]["question"] for p in paragraphs]), context=tf.constant(contexts))
    answers = [text.decode() for text in given["answer"].numpy()]
    assert answers == list(place.read("predictions.json").values())
    for context, text, start, end in zip(contexts, answers, given["start"].numpy(), given["end"].numpy()):
        assert context[start:end] == text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--predict_file="], "--predict_file is required"),
        (["--predict_file=nowhere.json"], "--predict_file: no such file: nowhere.json"),
        (["--doc_stride=9"], "--doc_stride=9, but the records were made with 8"),
        (["--version_2_with_negative"], "--version_2_with_negative=True, but the records were made with False"),
        (["--null_score_diff_threshold=often"], "must be a number or auto"),
        (["--null_score_diff_threshold=auto"], "without --version_2_with_negative every question gets one; leave it out"),
        (["--answer_text=google", "--model_export_path=export"], "--answer_text=google cannot be exported"),
        (["--n_best_size=0"], "--n_best_size must be at least 1"),
        (["--best_metric=accuracy"], "--best_metric=accuracy is not computed"),
        (["--mode=predict"], "holds no checkpoint"),
        (["--mode=predict", "--model_dir=nowhere"], "does not exist"),
        (["--do_train"], "belongs to the model-garden dialect"),
    ],
)
def test_wrong_commands(place, capsys, flags, message):
    place.model_dir.mkdir()
    (place.model_dir / "notes.txt").write_text("mine")
    assert place.run(*flags) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in said


def test_wrong_records_and_files(place, capsys):
    meta = json.loads((place.directory / "meta_data.json").read_text())
    (place.directory / "meta_data.json").write_text(json.dumps(meta | {"task_type": "bert_classification"}))
    assert place.run("--mode=train") == 2
    assert "describes bert_classification records" in capsys.readouterr().err
    (place.directory / "meta_data.json").write_text(json.dumps(meta | {"vocab_fingerprint": "0" * 64}))
    assert place.run("--mode=train") == 2
    assert "is not the vocabulary the records were made with" in capsys.readouterr().err
    (place.directory / "meta_data.json").write_text(json.dumps(meta))
    whole = (place.directory / "train.tf_record").read_bytes()
    (place.directory / "train.tf_record").write_bytes(whole[:-20])
    assert place.run("--mode=train") == 2
    assert "is damaged" in capsys.readouterr().err
    (place.directory / "train.tf_record").write_bytes(whole)
    data = json.loads((place.directory / "dev.json").read_text())
    data["data"][1]["paragraphs"][2]["qas"][0]["answers"] = []
    (place.directory / "dev.json").write_text(json.dumps(data))
    for flags in (["--mode=train_and_eval"], ["--mode=train", "--evaluate_while_training"]):
        assert place.run(*flags) == 2
        assert "1 of 47 questions have no answer to score against (the first has the id dev-12)" in capsys.readouterr().err
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            paragraph["qas"][0]["answers"] = []
    (place.directory / "dev.json").write_text(json.dumps(data))
    assert place.run("--mode=train_and_eval") == 2
    assert "holds no answers to score against" in capsys.readouterr().err
    assert not place.model_dir.exists() or not list(place.model_dir.glob("ckpt-*"))


def test_bad_rows_and_labels_in_googles_dialect(place, capsys):
    data = json.loads((place.directory / "train.json").read_text())
    questions = [paragraph["qas"][0] for article in data["data"] for paragraph in article["paragraphs"]]
    questions[3]["answers"][0]["answer_start"] = str(questions[3]["answers"][0]["answer_start"])
    for question in questions[10:15]:
        question["answers"][0]["text"] = "movie"
    (place.directory / "train.json").write_text(json.dumps(data))
    arguments = [
        f"--output_dir={place.model_dir}",
        place.vocabulary,
        f"--bert_config_file={place.config_file}",
        f"--train_file={place.directory / 'train.json'}",
        "--do_train",
        "--max_seq_length=32",
        "--doc_stride=8",
        "--max_query_length=8",
        *TRAINING,
        "--num_train_epochs=1",
    ]
    assert place.run_as_given(*arguments) == 2
    said = capsys.readouterr().err
    assert "must be a whole number; found a text" in said
    assert "--on_bad_row=skip leaves such rows out" in said
    assert place.run_as_given(*arguments, "--on_bad_row=skip") == 0
    said = capsys.readouterr().err
    assert "5 questions left out, since the answer does not stand at its answer_start (ids train-10, train-11," in said
    rejects = (place.model_dir / "train.tf_record.rejects.jsonl").read_text().splitlines()
    assert len(rejects) == 6
    assert place.read("meta_data.json")["answer_labels"] == "exact"
    # What was left out once is not left out in silence.
    assert place.run_as_given(*arguments) == 2
    capsys.readouterr()
    # Records are made anew for other labels; those of another training are refused.
    assert place.run_as_given(*arguments, "--on_bad_row=skip", "--answer_labels=google", f"--output_dir={place.directory}/g") == 0
    predict = [f"--output_dir={place.directory}/g", "--do_predict", f"--predict_file={place.directory / 'dev.json'}"]
    rest = [argument for argument in arguments if not argument.startswith(("--output_dir", "--do_train", "--train_file"))]
    assert place.run_as_given(*rest, *predict) == 0
    assert place.run_as_given(*rest, *predict, "--answer_labels=exact") == 2
    assert "--answer_labels=exact, but the records were made with google" in capsys.readouterr().err
    assert place.run("--mode=train", "--on_bad_row=skip") == 2
    assert "give it to create_finetuning_data.py" in capsys.readouterr().err


def test_predictions_are_scored_where_every_question_has_an_answer(trained, capsys):
    place, dev, out = trained, trained.directory / "dev.json", trained.model_dir
    assert not (out / "eval_results.json").exists()
    assert place.run("--mode=predict") == 0
    scores = place.read("eval_results.json")
    assert scores["exact_match"] > 95
    assert "47 questions, checkpoint of step" in capsys.readouterr().err
    assert f"eval_f1 = {scores['f1']}" in (out / "eval_results.txt").read_text()
    report = (out / "report.md").read_text()
    assert "By length of the answer" in report
    assert "loss_curve.png" in report
    assert place.run("--mode=eval") == 0
    assert place.read("eval_results.json") == scores
    # Several files have scores of their own; where an answer is missing there is none, and it is said.
    data = json.loads(dev.read_text())
    data["data"][1]["paragraphs"][2]["qas"][0]["answers"] = []
    (place.directory / "partly.json").write_text(json.dumps(data))
    capsys.readouterr()
    assert place.run("--mode=predict", f"--predict_file={dev},{place.directory}/partly.json") == 0
    assert "no score: 1 of 47 questions have no answer to score against (the first has the id dev-12)" in capsys.readouterr().err
    assert place.read("dev-eval_results.json") == scores
    assert not (out / "partly-eval_results.json").exists()
    assert "By length of the answer, dev" in (out / "report.md").read_text()


def test_googles_dialect_scores_what_it_predicts(place_2, capsys):
    arguments = [
        f"--output_dir={place_2.model_dir}",
        place_2.vocabulary,
        f"--bert_config_file={place_2.config_file}",
        f"--train_file={place_2.directory / 'train.json'}",
        f"--predict_file={place_2.directory / 'dev.json'}",
        "--do_train",
        "--do_predict",
        "--version_2_with_negative",
        "--max_seq_length=32",
        "--doc_stride=8",
        "--max_query_length=8",
        *TRAINING,
        "--num_train_epochs=1",
    ]
    assert place_2.run_as_given(*arguments) == 0
    scores = place_2.read("eval_results.json")
    assert {"exact", "f1", "best_f1", "HasAns_f1", "NoAns_f1"} <= set(scores)
    assert "f1" in (place_2.model_dir / "report.md").read_text()
    # A file that cannot be read is found before the training, not after it.
    (place_2.directory / "dev.json").write_text("{")
    again = f"--output_dir={place_2.directory / 'again'}"
    capsys.readouterr()
    assert place_2.run_as_given(*arguments, again) == 2
    assert "not valid JSON" in capsys.readouterr().err
    assert not list((place_2.directory / "again").glob("ckpt-*"))


def test_chinese_is_scored_by_characters(place, capsys):
    data = json.loads((place.directory / "dev.json").read_text())
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            paragraph["qas"][0]["question"] = "什么很好？"
    (place.directory / "dev.json").write_text(json.dumps(data))
    assert place.run("--mode=train_and_eval", "--num_train_epochs=1", "--evaluate_while_training") == 0
    said = capsys.readouterr().err
    assert "scores: char_f1 and its exact match are those of CMRC 2018's script" in said
    assert "(the questions are written in Chinese)" in said
    scores = place.read("eval_results.json")
    assert {"char_f1", "char_exact_match", "f1", "exact_match"} <= set(scores)
    report = (place.model_dir / "report.md").read_text()
    assert "| best char_f1 |" in report
    assert "5 to 8 characters" in report
    assert "By question word" not in report
    assert place.run("--mode=eval", "--answer_language=words") == 0
    assert "char_f1" not in place.read("eval_results.json")
    assert "(--answer_language=words)" in capsys.readouterr().err
