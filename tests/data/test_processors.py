"""Processors of one's own."""

import pytest

from bert_tf2.data.processors import DataProcessor, InputExample, check_processor, make
from bert_tf2.errors import UserError
from bert_tf2.registry import import_module
from bert_tf2.tasks.classification.reading.glue import create_processor

# As in the Chinese tutorials on fine-tuning BERT: the label first, three classes.
USERS_FILE = """
import os
from bert_tf2.data.processors import DataProcessor, InputExample, register_processor

@register_processor("{name}")
class ProductProcessor(DataProcessor):
    def get_train_examples(self, data_dir): return self.examples(data_dir, "train")
    def get_dev_examples(self, data_dir): return self.examples(data_dir, "dev")
    def get_test_examples(self, data_dir): return self.examples(data_dir, "test")
    def get_labels(self): return ["fashion", "houseliving", "game"]
    def examples(self, data_dir, split):
        rows = self._read_tsv(os.path.join(data_dir, split + ".tsv"))
        return [InputExample(f"{split}-{i}", text, None, label) for i, (label, text) in enumerate(rows)]
"""


def write_products(directory):
    rows = ["game\t我喜欢玩游戏", "fashion\t这条裙子很好看", "houseliving\t沙发舒服", "game\t新的游戏机"]
    for split in ("train", "dev", "test"):
        (directory / f"{split}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_a_users_file_registers_its_processor(tmp_path, capsys):
    path = tmp_path / "products.py"
    path.write_text(USERS_FILE.replace("{name}", "products-1"), encoding="utf-8")
    write_products(tmp_path)
    import_module(str(path))
    processor = create_processor("PRODUCTS-1")
    assert [example.label for example in processor.get_train_examples(str(tmp_path))] == [
        "game",
        "fashion",
        "houseliving",
        "game",
    ]
    check_processor(processor, str(tmp_path))
    printed = capsys.readouterr().out
    assert "ProductProcessor: 3 labels: fashion, houseliving, game" in printed
    assert "train: 4 examples (fashion 1, game 2, houseliving 1)" in printed
    assert "我喜欢玩游戏" in printed


class Processor(DataProcessor):
    def __init__(self, examples, labels=("a", "b")):  # does not call super().__init__, as many in the wild
        self._examples, self._labels = examples, labels

    def get_train_examples(self, data_dir):
        return self._examples

    def get_labels(self):
        return self._labels


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (Processor([InputExample("g-1", "x", None, "c")]), "unknown label 'c'; get_labels says a, b"),
        (Processor([]), "gives no examples"),
        (Processor(None), "must give a list of InputExample; it gave NoneType"),
        (Processor(["text"]), "expected an InputExample whose texts are str; got 'text'"),
        (Processor([InputExample("g", 7)]), "expected an InputExample"),
        (Processor([], ["a"]), "at least 2 labels"),
        (Processor([], None), "at least 2 labels"),
        (Processor([], ["a", "b", "a"]), "holds 'a' twice"),
    ],
)
def test_check_processor_says_what_is_wrong(processor, message):
    with pytest.raises(UserError, match=message):
        check_processor(processor, "")


def test_check_processor_takes_lists_of_labels(capsys):
    processor = Processor([InputExample("g", "x", None, ["a", "b"]), InputExample("g", "y", None, [])])
    processor.is_multi_label = True
    check_processor(processor, "", ("train",))
    printed = capsys.readouterr().out
    assert "2 labels (any number for an example): a, b" in printed
    assert "train: 2 examples (a 1, b 1)" in printed
    processor._examples[1].label = ["c"]
    with pytest.raises(UserError, match="unknown label 'c'"):
        check_processor(processor, "", ("train",))


def test_check_processor_takes_hidden_test_labels(capsys):
    class Hidden(Processor):
        def get_test_examples(self, data_dir):
            return [InputExample("t-1", "x", None, "-1"), InputExample("t-2", "y", None, "-1"), *self.more]

    processor = Hidden([InputExample("g", "x", None, "a")])
    processor.more = []
    check_processor(processor, "")
    assert "test: 2 examples (no known label)" in capsys.readouterr().out
    processor.more = [InputExample("t-3", "z", None, "a")]
    with pytest.raises(UserError, match="test: example 't-1': unknown label '-1'"):
        check_processor(processor, "")


def test_splits_that_a_processor_does_not_have_are_named(capsys):
    check_processor(Processor([InputExample("g", "x", "y", "a ")]), "")
    assert "dev: none (get_dev_examples is not defined)" in capsys.readouterr().out
    with pytest.raises(UserError, match="Processor has no evaluation data"):
        Processor([]).get_dev_examples("")


def test_what_is_no_processor_is_refused():
    with pytest.raises(UserError, match="must be a subclass"):
        make(dict)

    class Featurizing(DataProcessor):
        def featurize_example(self, *_):
            return None

    with pytest.raises(UserError, match="featurize_example, which is not called here"):
        make(Featurizing)


def test_read_tsv_names_the_neighbours_of_a_missing_file(tmp_path):
    (tmp_path / "train.txt").write_text("a\tb\n")
    with pytest.raises(UserError, match=r"no such file: .*train\.tsv \(in .*: train\.txt\)"):
        DataProcessor._read_tsv(str(tmp_path / "train.tsv"))
    (tmp_path / "blank.tsv").write_text("a\n\nb\n")
    with pytest.raises(UserError, match=r"blank\.tsv:2: empty line"):
        DataProcessor._read_tsv(str(tmp_path / "blank.tsv"))


def test_read_jsonl(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    assert DataProcessor._read_jsonl(str(tmp_path / "x.jsonl")) == [{"a": 1}, {"a": 2}]
    (tmp_path / "y.jsonl").write_text("{}\n{\n")
    with pytest.raises(UserError, match=r"y\.jsonl:2: not a JSON object"):
        DataProcessor._read_jsonl(str(tmp_path / "y.jsonl"))
