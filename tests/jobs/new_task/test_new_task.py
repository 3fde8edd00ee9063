"""Skeletons: what is written works as it stands, and nothing is written over."""

import subprocess
import sys

import pytest

from bert_tf2 import cli
from bert_tf2.jobs.new_task.job import NewTaskOptions, new_task


def run(*flags):
    return cli.run(new_task, NewTaskOptions, "", ["new_task", *flags])


def its_test(directory, name):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{name}.py"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_a_processor_works_as_it_stands(tmp_path, capsys):
    assert run("--name=shop_reviews", f"--output_dir={tmp_path / 'mine'}") == 0
    told = capsys.readouterr().err
    assert f"--module_import={tmp_path}/mine/shop_reviews.py --classification_task_name=shop_reviews" in told
    assert "class ShopReviewsProcessor(DataProcessor):" in (tmp_path / "mine" / "shop_reviews.py").read_text()
    done = its_test(tmp_path / "mine", "shop_reviews")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_kind_works_as_it_stands(tmp_path):
    assert run("--name=stance", "--what=kind", f"--output_dir={tmp_path}") == 0
    done = its_test(tmp_path, "stance")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("what", ["processor", "kind"])
def test_what_is_written_is_well_formed(tmp_path, what):
    assert run("--name=good_word", f"--what={what}", f"--output_dir={tmp_path}") == 0
    paths = [str(path) for path in tmp_path.glob("*.py")]
    assert len(paths) == 2
    check = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=130", *paths]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(word in text for text in texts for word in ("my_task", "MyTask"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--name=My-Task"],
            "--name must be a word of small letters, digits and _ that begins with a letter",
        ),
        (["--name=class"], "--name must be a word of small letters"),
        (["--name=mrpc"], "--name=mrpc is what a processor of this package is called; choose another"),
        (["--name=tagging", "--what=kind"], "--name=tagging is what a kind of this package is called; choose another"),
        (["--name=shop", "--what=knd"], "--what must be one of processor, kind; got 'knd'. Did you mean 'kind'?"),
    ],
)
def test_names_that_cannot_be(tmp_path, capsys, flags, message):
    assert run(*flags, f"--output_dir={tmp_path}") == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path, capsys):
    (tmp_path / "test_shop.py").write_text("mine")
    assert run("--name=shop", f"--output_dir={tmp_path}") == 2
    assert "test_shop.py is there already and stays; choose another --name or --output_dir" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_shop.py"]
