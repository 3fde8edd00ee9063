"""The model card: what the Hub's own reader finds in it, and that nobody's card is overwritten."""

import logging
import math

import pytest
import yaml

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.files import write_json
from bert_tf2.jobs.fine_tuning.model_card import CARD, write_card

META = MetaData(
    "bert_classification", 64, {"train": 800, "eval": 872}, "SST-2", 2, label_list=("<b>bad</b>", "a|b"), do_lower_case=True,
    truncated_fraction={"train": 0.25, "eval": 0.0},
)  # fmt: skip
SCORES = {"eval": {"accuracy": 0.75, "pearson": math.nan, "matthews_corrcoef": 0.5, "f1/a|b": 0.1}}
RUN = {
    "run": {
        "init_checkpoint": "/elsewhere/bert/bert_model.ckpt", "learning_rate": 2e-5, "seed": 7, "warmup_proportion": None,
        "bert_config": {"num_hidden_layers": 2, "hidden_size": 128},
    },
    "about": {"bert_tf2": "0.1.0", "tensorflow": "2.20.0"},
}  # fmt: skip


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / 'model: "x" #1'
    directory.mkdir()
    write_json(str(directory / "run_config.json"), RUN)
    return directory


def write(place, scores=SCORES, meta=META, hub_task="text-classification") -> str:
    write_card(str(place), hub_task, 40, 4_400_000, scores, meta)
    return (place / CARD).read_text(encoding="utf-8")


def test_the_hubs_reader_finds_all_of_it(place):
    hub = pytest.importorskip("huggingface_hub")
    write(place)
    data = hub.ModelCard.load(place / CARD).data
    assert (data.license, data.library_name, data.pipeline_tag) == ("unknown", "bert_tf2", "text-classification")
    assert (data.tags, data.model_name) == (["bert", "tensorflow"], place.name)
    found = {result.metric_type: result for result in data.eval_results}
    assert {name: result.metric_value for name, result in found.items()} == {"accuracy": 0.75, "matthews_correlation": 0.5}
    one = found["accuracy"]
    assert (one.task_type, one.dataset_name, one.dataset_type, one.dataset_split) == (
        "text-classification",
        "SST-2",
        "sst-2",
        "eval",
    )


def test_what_it_says(place):
    lines = write(place).splitlines()
    for line in (
        "| name | SST-2 |", "| examples, train | 800 |", r"| labels | \<b\>bad\</b\>, a\|b |",
        "| data | accuracy | pearson | matthews\\_corrcoef |", "| eval | 0.7500 | nan | 0.5000 |",
        "| weights | 4,400,000 |", "| hidden size | 128 |", r"| initial weights | bert/bert\_model.ckpt |",
        "| learning rate | 2e-05 |", "| seed | 7 |", "| tensorflow | 2.20.0 |",
        "- It was trained on at most 64 tokens at once; longer texts were cut (25.0% of train).",
        "- It knows no difference between upper and lower case.",
    ):  # fmt: skip
        assert line in lines
    assert sum("(to be filled in)" in line for line in lines) == 5


def test_where_little_is_known(place):
    (place / "run_config.json").unlink()
    text = write(place, {}, None, "other")
    known = yaml.safe_load(text.split("---\n")[1])
    assert known == {"license": "unknown", "library_name": "bert_tf2", "tags": ["bert", "tensorflow"]}
    assert "None: nothing was evaluated." in text


def test_a_card_that_nobody_changed_is_written_anew(place):
    first = write(place)
    assert write(place) == first
    assert "| eval | 0.2500 |" in write(place, {"eval": {"accuracy": 0.25}})


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("license: unknown", "license: mit"),
        lambda text: text + "More.\n",
        lambda text: text[: text.index("<!--")],
        lambda text: text + text,
        lambda text: text.replace("Digest: ", "Digest: 0"),
        lambda text: "",
        lambda text: "# Mine\n",
    ],
)
def test_a_card_of_a_person_is_left(place, change, caplog):
    mine = change(write(place))
    (place / CARD).write_text(mine, encoding="utf-8")
    with caplog.at_level(logging.INFO):
        assert write(place, {"eval": {"accuracy": 0.25}}) == mine
    assert "left as it is" in caplog.text


def test_what_is_no_text_is_left(place):
    (place / CARD).write_bytes(b"\xff\xfe")
    write_card(str(place), "other", 1, 1, {}, None)
    assert (place / CARD).read_bytes() == b"\xff\xfe"
    (place / CARD).unlink()
    (place / CARD).mkdir()
    write_card(str(place), "other", 1, 1, {}, None)
    assert (place / CARD).is_dir()
