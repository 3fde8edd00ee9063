"""A search: which trainings there are, what they come to, and how it goes on after a kill."""

import contextlib
import json
import math
import pathlib

import pytest

from bert_tf2.errors import NonFiniteLossError, UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.run import RunResult
from bert_tf2.jobs.fine_tuning.sweeps.search import run_search
from bert_tf2.jobs.fine_tuning.sweeps.seeds import run_seeds

BOTH = Phases(train=True, evaluate=True)
GRID = "method: grid\nspace:\n  learning_rate: [1e-5, 2e-5, 3e-5]\n  train_batch_size: [16, 32]\n"
HALVING = "method: successive_halving\ntrials: 9\nspace:\n  learning_rate: {low: 1e-5, high: 1e-3, log: true}\n"
TPE = "method: tpe\ntrials: 6\nspace:\n  learning_rate: {low: 1e-5, high: 1e-3, log: true}\n  freeze_layers: [null, 0, 3]\n"


class Job:
    """Stands for the job of one training: its score is that of its values, and it may be killed after so many trainings."""

    def __init__(self, score, metric="accuracy", higher_is_better=True, killed_after=math.inf):
        self.score, self.metric, self.higher_is_better, self.killed_after = score, metric, higher_is_better, killed_after
        self.asked = []

    def __call__(self, options, share=1.0):
        if len(self.asked) == self.killed_after:
            raise KeyboardInterrupt
        self.asked.append((options.model_dir.rpartition("_")[2], share))
        assert (options.search, options.num_seeds) == (None, 1)
        value = self.score(options, share)
        scores = {} if value is None else {"eval": {self.metric: value}}
        return RunResult(None, scores, {}, self.metric, self.higher_is_better, None)


def asked_for(tmp_path, text, **flags):
    (tmp_path / "space.yaml").write_text(text)
    return ClassifierOptions(**{"search": str(tmp_path / "space.yaml"), "model_dir": str(tmp_path / "all"), **flags})


def kept(tmp_path):
    return json.loads((tmp_path / "all" / "search.json").read_text())


def peak(options, share):
    """Greatest at a rate of 1e-4, and more with more training."""
    return share - abs(math.log10(options.learning_rate) + 4) / 10 + options.train_batch_size / 1e4


def test_a_grid(tmp_path, caplog):
    caplog.set_level("INFO")
    job = Job(peak)
    found = run_search(asked_for(tmp_path, GRID), BOTH, job)
    assert job.asked == [(str(number), 1.0) for number in range(1, 7)]
    assert [trial.values for trial in found["trials"]] == [
        {"learning_rate": rate, "train_batch_size": size} for rate in (1e-5, 2e-5, 3e-5) for size in (16, 32)
    ]
    assert found["best"].number == 6
    assert (tmp_path / "all" / "best").readlink().name == "trial_6"
    report = (tmp_path / "all" / "report.md").read_text()
    assert "| [6](trial_6/report.md) | 3e-05 | 32 | 0.9509 | the best |" in report
    assert f"python run_classifier.py --config={tmp_path}/all/trial_6/run.yaml --model_dir=ANOTHER" in report
    assert (tmp_path / "all" / "search.png").read_bytes().startswith(b"\x89PNG")
    assert "the best of 6 trials is trial 6, accuracy 0.9509: --learning_rate=3e-05 --train_batch_size=32" in caplog.text


@pytest.mark.parametrize("text", [GRID, HALVING, TPE])
def test_killed_it_goes_on_as_it_would_have(tmp_path, text):
    if text is TPE:
        pytest.importorskip("optuna")
    whole = Job(peak)
    one = run_search(asked_for(tmp_path, text, model_dir=str(tmp_path / "one")), BOTH, whole)
    begun, done = asked_for(tmp_path, text), []
    for after in (0, 1, 3, 20):
        job = Job(peak, killed_after=after)
        with contextlib.suppress(KeyboardInterrupt):
            other = run_search(begun, BOTH, job)
        done += job.asked
    assert done == whole.asked
    assert other == one
    assert len({tuple(trial.values.items()) for trial in one["trials"]}) == len(one["trials"])


def test_successive_halving_stops_the_worse_ones_and_goes_on_with_the_others(tmp_path):
    job = Job(peak)
    found = run_search(asked_for(tmp_path, HALVING), BOTH, job)
    by_rate = sorted(found["trials"], key=lambda trial: -peak(ClassifierOptions(**trial.values), 0))
    numbers = [str(trial.number) for trial in by_rate]
    assert [number for number, share in job.asked if share == 1 / 9] == [str(number) for number in range(1, 10)]
    assert sorted(number for number, share in job.asked if share == 1 / 3) == sorted(numbers[:3])
    assert [number for number, share in job.asked if share == 1.0] == numbers[:1]
    assert [len(trial.stages) for trial in by_rate] == [3, 2, 2, 1, 1, 1, 1, 1, 1]
    assert str(found["best"].number) == numbers[0]
    report = (tmp_path / "all" / "report.md").read_text()
    for share in ("11%", "33%"):
        assert f"after {share} of the training" in report


def test_less_of_a_loss_is_better(tmp_path):
    job = Job(lambda options, share: options.learning_rate, metric="loss", higher_is_better=False)
    assert run_search(asked_for(tmp_path, GRID), BOTH, job)["best"].values["learning_rate"] == 1e-5


def test_a_training_that_fails_ends_no_search(tmp_path, caplog):
    def score(options, share):
        if options.learning_rate == 2e-5:
            raise NonFiniteLossError("the loss is nan at step 3")
        return math.nan if options.learning_rate == 3e-5 else 0.25

    job = Job(score)
    found = run_search(asked_for(tmp_path, GRID), BOTH, job)
    assert found["best"].number in (1, 2)
    report = (tmp_path / "all" / "report.md").read_text()
    assert "| 3 | 2e-05 | 16 |  | failed: the loss is nan at step 3 |" in report
    assert "trial 3 (--learning_rate=2e-05 --train_batch_size=16) has failed: the loss is nan at step 3" in caplog.text
    again = Job(score)
    assert [trial.number for trial in run_search(asked_for(tmp_path, GRID), BOTH, again)["trials"]] == [1, 2, 3, 4, 5, 6]
    assert again.asked == []


def test_all_may_fail(tmp_path, caplog):
    def score(options, share):
        raise NonFiniteLossError("the loss is nan at step 3")

    assert run_search(asked_for(tmp_path, HALVING), BOTH, Job(score))["best"] is None
    assert "none of 9 trials was trained to its end" in caplog.text


def test_more_trials_may_be_asked_for_later(tmp_path):
    text = HALVING.replace("successive_halving", "random")
    few = run_search(asked_for(tmp_path, text.replace("9", "2")), BOTH, Job(peak))
    job = Job(peak)
    more = run_search(asked_for(tmp_path, text.replace("9", "4")), BOTH, job)
    assert more["trials"][:2] == few["trials"]
    assert job.asked == [("3", 1.0), ("4", 1.0)]
    with pytest.raises(UserError, match="trials: 4 there, 2 here; it may only grow"):
        run_search(asked_for(tmp_path, text.replace("9", "2")), BOTH, job)


@pytest.mark.parametrize(
    ("text", "flags", "told"),
    [
        (GRID.replace("3e-5", "4e-5"), {}, "(space: "),
        (HALVING, {}, '(method: "grid" there, "successive_halving" here)'),
        (GRID, {"warmup_proportion": 0.2}, "(flags: "),
    ],
)
def test_a_directory_of_another_search_is_refused(tmp_path, text, flags, told):
    run_search(asked_for(tmp_path, GRID), BOTH, Job(peak))
    with pytest.raises(UserError) as raised:
        run_search(asked_for(tmp_path, text, **flags), BOTH, Job(peak))
    assert str(raised.value).startswith(f"{tmp_path / 'all'} holds another search")
    assert told in str(raised.value)


def test_data_that_have_changed_are_noticed(tmp_path):
    def score(options, share):
        directory = pathlib.Path(options.model_dir)
        directory.mkdir(parents=True)
        (directory / "run_config.json").write_text(json.dumps({"run": {"data": {"train": [digests[0]]}}}))
        return 0.5

    digests = ["before"]
    with contextlib.suppress(KeyboardInterrupt):
        run_search(asked_for(tmp_path, GRID), BOTH, Job(score, killed_after=2))
    digests[0] = "after"
    with pytest.raises(UserError, match="trial_3 was trained on other data than the trials before it"):
        run_search(asked_for(tmp_path, GRID), BOTH, Job(score))


def test_a_flag_that_decides_nothing_may_change(tmp_path):
    run_search(asked_for(tmp_path, GRID), BOTH, Job(peak))
    run_search(asked_for(tmp_path, GRID, log_steps=7), BOTH, Job(peak, killed_after=0))


def test_seeds_and_searches_keep_to_directories_of_their_own(tmp_path):
    run_search(asked_for(tmp_path, GRID), BOTH, Job(peak))
    with pytest.raises(UserError, match="holds a search; give another --model_dir"):
        run_seeds(ClassifierOptions(num_seeds=2, model_dir=str(tmp_path / "all")), BOTH, None)
    (tmp_path / "all" / "search.json").rename(tmp_path / "all" / "seeds.json")
    with pytest.raises(UserError, match="holds trainings of several seeds; give another --model_dir"):
        run_search(asked_for(tmp_path, GRID), BOTH, None)
    (tmp_path / "all" / "seeds.json").rename(tmp_path / "all" / "folds.json")
    seeds = ClassifierOptions(num_seeds=2, model_dir=str(tmp_path / "all"))
    for run, options in ((run_search, asked_for(tmp_path, GRID)), (run_seeds, seeds)):
        with pytest.raises(UserError, match="holds a cross-validation; give another --model_dir"):
            run(options, BOTH, None)


@pytest.mark.parametrize(
    ("phases", "flags", "message"),
    [
        (Phases(predict=True), {}, " is for training and there is none"),
        (Phases(train=True), {}, " compares evaluations and there is none"),
        (BOTH, {"num_seeds": 3}, " and --num_seeds=3: search first, then repeat the best with --num_seeds"),
        (BOTH, {"learning_rate": 1e-3}, "--learning_rate=0.001 is given, and "),
        (BOTH, {"model_dir": None}, "--model_dir is required"),
    ],
)
def test_what_cannot_be(tmp_path, phases, flags, message):
    with pytest.raises(UserError) as raised:
        run_search(asked_for(tmp_path, GRID, **flags), phases, None)
    assert message in str(raised.value)


def test_without_scores_it_ends_after_the_first(tmp_path):
    job = Job(lambda options, share: None)
    with pytest.raises(UserError, match="compares scores, and trial 1 has none"):
        run_search(asked_for(tmp_path, GRID), BOTH, job)
    assert len(job.asked) == 1


def test_what_tensorboard_shows(tmp_path):
    """The page's own reading of what lies there."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    run_search(asked_for(tmp_path, GRID), BOTH, Job(peak))
    values, scores = {}, []
    for path in (tmp_path / "all" / "trial_4" / "summaries").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME:
                    data = plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
                    values |= {name: one.number_value for name, one in data.session_start_info.hparams.items()}
                else:
                    scores.append((value.tag, float(tf.make_ndarray(value.tensor))))
    assert values == {"learning_rate": 2e-5, "train_batch_size": 32}
    assert scores == [("accuracy", pytest.approx(peak(ClassifierOptions(learning_rate=2e-5, train_batch_size=32), 1.0)))]
