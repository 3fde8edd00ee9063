"""Flags of the classifier that change how it trains: each does what it says, end to end."""

import json
import math

import pytest

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions


def scores(model_dir, suffix: str = "") -> dict[str, float]:
    return json.loads((model_dir / f"eval_results{suffix}.json").read_text())


def history(model_dir, kind: str) -> list[dict]:
    lines = (model_dir / "training_history.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        ["--dtype=bf16"],
        ["--dtype=fp16"],
        ["--dtype=fp16", "--loss_scale=128"],
        ["--enable_xla"],
        ["--optimizer_type=lamb", "--learning_rate=0.02"],
        [
            "--noadam_bias_correction",
            "--learning_rate_schedule=cosine_restarts",
            "--num_restart_cycles=2",
            "--learning_rate=0.004",
        ],
        ["--learning_rate_schedule=polynomial", "--polynomial_power=2", "--warmup_steps=5", "--end_lr=0.001"],
        ["--gradient_accumulation_steps=4", "--steps_per_loop=7"],
        ["--nobucket_by_length"],
        ["--distribution_strategy=one_device"],
        ["--distribution_strategy=off"],
    ],
    ids=" ".join,
)
def test_training_learns_with(workplace, flags):
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=5", *flags) == 0
    assert scores(workplace.model_dir)["accuracy"] > 0.9


@pytest.mark.slow
def test_gradient_accumulation_and_buckets_change_no_result(workplace):
    """Without dropout the update is the same sum however the batch is divided."""
    config = json.loads(workplace.config_file.read_text()) | {"attention_probs_dropout_prob": 0.0}
    workplace.config_file.write_text(json.dumps(config))
    losses = []
    for number, flags in enumerate(([], ["--gradient_accumulation_steps=4"], ["--enable_xla"])):
        model_dir = workplace.directory / f"model_{number}"
        assert workplace.run("--mode=train", "--num_train_epochs=1", "--log_steps=1", f"--model_dir={model_dir}", *flags) == 0
        losses.append([entry["loss"] for entry in history(model_dir, "train")])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert losses[2] == pytest.approx(losses[0], rel=1e-3)


def test_the_best_checkpoint_is_kept_and_training_stops_early(workplace, capsys):
    flags = ["--num_train_epochs=30", "--early_stopping_patience=2", "--best_metric=loss", "--keep_checkpoint_max=1"]
    assert workplace.run("--mode=train_and_eval", *flags, "--learning_rate=0.05") == 0
    evaluations = history(workplace.model_dir, "eval")
    best = min(evaluations, key=lambda entry: entry["loss"])
    assert evaluations[-1]["step"] < 300
    assert len(evaluations) - 1 - evaluations.index(best) == 2
    kept = sorted(path.name for path in workplace.model_dir.glob("ckpt-*.index"))
    assert kept == sorted({f"ckpt-{best['step']}.index", f"ckpt-{evaluations[-1]['step']}.index"})
    capsys.readouterr()
    assert workplace.run("--mode=eval", "--load_checkpoint=best") == 0
    assert scores(workplace.model_dir)["loss"] == pytest.approx(best["loss"], rel=1e-5)
    assert scores(workplace.model_dir)["global_step"] == best["step"]


def test_the_learning_rate_follows_the_schedule(workplace):
    assert workplace.run("--mode=train", "--num_train_epochs=1", "--log_steps=1", "--warmup_proportion=0.2") == 0
    rates = [entry["learning_rate"] for entry in history(workplace.model_dir, "train")]
    assert rates == pytest.approx([0.01 * factor for factor in (0, 0.5, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)], rel=1e-4)


def test_regression(workplace):
    for split in ("train", "eval", "test"):
        path = workplace.directory / f"{split}.tsv"
        rows = [line.split("\t")[0] for line in path.read_text().splitlines()[1:]]
        path.write_text("".join(f"{text}\t{len(text.split()) / 4:.3f}\n" for text in rows))
    assert workplace.prepare("--fine_tuning_task_type=regression", "--text_column=0", "--label_column=1") == 0
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=20") == 0
    assert scores(workplace.model_dir)["pearson"] > 0.8
    assert (workplace.model_dir / "predicted_against_gold.png").exists()
    assert workplace.run("--mode=predict") == 0
    rows = [line.split("\t") for line in (workplace.model_dir / "predictions.tsv").read_text().splitlines()]
    results = (workplace.model_dir / "test_results.tsv").read_text().splitlines()
    assert rows[0] == ["id", "label", "prediction"]
    assert [float(row[2]) for row in rows[1:]] == pytest.approx([float(value) for value in results], rel=1e-4)
    assert all(math.isfinite(float(value)) for value in results)


def test_metrics_that_are_not_defined_are_nan_and_never_the_best(workplace, capsys):
    for split, value in (("train", "{:.3f}"), ("eval", "2.5"), ("test", "0")):
        path = workplace.directory / f"{split}.tsv"
        texts = [line.split("\t")[0] for line in path.read_text().splitlines()[1:]]
        path.write_text("".join(f"{text}\t{value.format(len(text.split()) / 4)}\n" for text in texts))
    assert workplace.prepare("--fine_tuning_task_type=regression", "--text_column=0", "--label_column=1") == 0
    capsys.readouterr()
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=5", "--early_stopping_patience=2") == 0
    told = capsys.readouterr().err
    assert told.count("WARNING: pearson and spearman cannot be computed (nan): all gold values are the same") == 1
    assert "evaluation at step 10: pearson nan, spearman nan, loss " in told
    # Nothing was the best, so two evaluations in a row brought no better one.
    evaluations = history(workplace.model_dir, "eval")
    assert [(entry["step"], entry["pearson"]) for entry in evaluations] == [(10, None), (20, None)]
    assert not (workplace.model_dir / "best_checkpoint.json").exists()

    found = scores(workplace.model_dir)
    assert (found["pearson"], found["spearman"]) == (None, None)
    assert found["loss"] > 0
    lines = (workplace.model_dir / "eval_results.txt").read_text().splitlines()
    assert {"eval_pearson = nan", "eval_spearman = nan"} < set(lines)
    assert "| pearson | nan |" in (workplace.model_dir / "report.md").read_text()
    summary = json.loads((workplace.model_dir / "summaries" / "training_summary.txt").read_text())
    assert (summary["best_step"], summary["eval_metrics"]["pearson"]) == (None, None)
    assert list((workplace.model_dir / "summaries" / "eval").iterdir())

    assert workplace.run("--mode=eval", "--load_checkpoint=best") == 2
    assert "has no best checkpoint: no evaluation while training gave a number" in capsys.readouterr().err


def test_mnli_is_evaluated_and_predicted_matched_and_mismatched(workplace, tmp_path):
    data_dir = tmp_path / "MNLI"
    data_dir.mkdir()
    header = "\t".join(
        ["index", "promptID", "pairID", *(f"parse{i}" for i in range(5)), "sentence1", "sentence2", "label1", "gold_label"]
    )
    labels = ["contradiction", "entailment", "neutral"]
    sets = {"train": 30, "dev_matched": 11, "dev_mismatched": 7, "test_matched": 5, "test_mismatched": 4}
    for name, rows in sets.items():
        lines = [header]
        for number in range(rows):
            label = labels[number % 3]
            text = f"{name.replace('_', ' ')} {'very ' * (number % 5)}"
            cells = [number, number, number, *"abcde", text, label, label, label]
            lines.append("\t".join(map(str, cells)))
        (data_dir / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    output_dir = tmp_path / "out"
    arguments = {
        "task_name": "MNLI",
        "data_dir": data_dir,
        "vocab_file": workplace.vocab_file,
        "bert_config_file": workplace.config_file,
        "output_dir": output_dir,
        "num_train_epochs": 1.0,
        "max_seq_length": 32,
    }
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    assert cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *flags, "--do_train", "--do_eval"]) == 0
    each = {f"{what}/{label}" for what in ("precision", "recall", "f1", "support") for label in labels}
    assert set(scores(output_dir)) == {"global_step", "accuracy", "loss"} | each
    assert set(scores(output_dir, "_mismatched")) == {"global_step", "accuracy", "loss"} | each
    assert len((output_dir / "eval_predictions_mismatched.tsv").read_text().splitlines()) == 8

    # Both test sets are predicted as well, in both dialects: there the second lies beside the first.
    assert not list(output_dir.glob("test_results*"))
    assert cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *flags, "--do_predict"]) == 0
    for suffix, rows in (("", 5), ("_mismatched", 4)):
        assert len((output_dir / f"test_results{suffix}.tsv").read_text().splitlines()) == rows
        predictions = (output_dir / f"predictions{suffix}.tsv").read_text().splitlines()
        assert len(predictions) == rows + 1
        assert predictions[1].split("\t")[1].startswith("test mismatched" if suffix else "test matched")
    garden = {"mode": "predict", "input_meta_data_path": output_dir / "meta_data.json", "model_dir": output_dir}
    garden |= {"test_data_path": output_dir / "predict.tf_record", "bert_config_file": workplace.config_file}
    by_google = {name: (output_dir / name).read_text() for name in ("test_results.tsv", "test_results_mismatched.tsv")}
    for name in by_google:
        (output_dir / name).unlink()
    garden_flags = [f"--{name}={value}" for name, value in garden.items()]
    assert cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *garden_flags]) == 0
    assert {name: (output_dir / name).read_text() for name in by_google} == by_google
    # The second alone, when it is named.
    alone = [*garden_flags, f"--test_data_path={output_dir / 'predict_mismatched.tf_record'}"]
    (output_dir / "test_results_mismatched.tsv").unlink()
    assert cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *alone]) == 0
    assert (output_dir / "test_results.tsv").read_text() == by_google["test_results_mismatched.tsv"]
    assert not (output_dir / "test_results_mismatched.tsv").exists()


def test_evaluations_that_a_flag_asks_for_need_no_do_eval(workplace, tmp_path):
    assert workplace.run_tf1(workplace.write_raw(train=80), tmp_path / "out", "--do_train", "--num_eval_per_epoch=2") == 0
    assert [entry["step"] for entry in history(tmp_path / "out", "eval")] == [2, 3]
    assert not (tmp_path / "out" / "eval_results.json").exists()


def test_xnli_is_chinese_unless_another_language_is_named(workplace, tmp_path, capsys):
    data_dir = tmp_path / "XNLI"
    (data_dir / "multinli").mkdir(parents=True)
    labels = ["contradictory", "entailment", "neutral"]
    for language, rows in (("zh", 12), ("en", 15)):
        lines = [f"good {language}\tmovie\t{labels[number % 3]}" for number in range(rows)]
        (data_dir / "multinli" / f"multinli.train.{language}.tsv").write_text("\n".join(["premise\thypo\tlabel", *lines]) + "\n")
    for split, rows in (("dev", 5), ("test", 4)):
        lines = ["\t".join(["language", "gold_label", *"abcd", "sentence1", "sentence2"])]
        for language in ("zh", "en", "ur"):
            lines += [f"{language}\t{labels[number % 3]}\t\t\t\t\tgood {language}\tmovie" for number in range(rows)]
        (data_dir / f"xnli.{split}.tsv").write_text("\n".join(lines) + "\n")
    for flags, train in (([], 12), (["--xnli_language=en"], 15)):
        output_dir = tmp_path / f"out{len(flags)}"
        phases = ["--task_name=XNLI", "--do_train", "--do_eval", "--do_predict"]
        assert workplace.run_tf1(data_dir, output_dir, *phases, *flags) == 0
        meta = json.loads((output_dir / "meta_data.json").read_text())
        assert (meta["train_data_size"], meta["eval_data_size"], meta["test_data_size"]) == (train, 5, 4)
    capsys.readouterr()
    assert workplace.run_tf1(data_dir, output_dir, "--task_name=XNLI", "--do_predict", "--xnli_language=all") == 2
    assert "does not go with --do_predict" in capsys.readouterr().err
    assert workplace.run_tf1(data_dir, output_dir, "--do_train", "--xnli_language=zh") == 2
    assert "--xnli_language=zh can do nothing with --task_name=SST-2" in capsys.readouterr().err
    assert workplace.run("--xnli_language=zh") == 2
    assert "--xnli_language is for raw files" in capsys.readouterr().err
