"""Records of a task of XTREME: the same as the model garden makes."""

import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

NAMES = {"person": "PER", "location": "LOC", "corporation": "ORG", "group": "ORG"}
LENGTH = 256


def write_panx(source, target):
    """WNUT17's sentences as a file of panx; other types than its three are no entities."""
    lines = []
    for line in source.read_text(encoding="utf-8").splitlines():
        word, _, tag = line.partition("\t")
        prefix, _, kind = tag.partition("-")
        lines.append(f"{word}\t{prefix}-{NAMES[kind]}" if kind in NAMES else f"{word}\tO" if word.strip() else "")
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(*flags):
    arguments = ["prepare", "--fine_tuning_task_type=tagging", "--tagging_task_name=panx", f"--max_seq_length={LENGTH}", *flags]
    return cli.run(create_finetuning_data, FinetuningDataOptions, "", arguments)


@pytest.mark.slow
@pytest.mark.real_data
def test_records_of_panx_equal_the_gardens(real_data, tmp_path):
    library = pytest.importorskip("official.nlp.data.tagging_data_lib")
    tokenization = pytest.importorskip("official.nlp.tools.tokenization")
    folder, vocab_file = real_data / "ner" / "WNUT17", str(real_data / "vocab" / "uncased.txt")
    write_panx(folder / "wnut17train.conll", tmp_path / "train-en.tsv")
    write_panx(folder / "emerging.dev.conll", tmp_path / "dev-en.tsv")
    for language in ("en", "de"):
        write_panx(folder / "emerging.test.annotated", tmp_path / f"test-{language}.tsv")
    ours = tmp_path / "ours"
    flags = [f"--{split}_data_output_path={ours}/{split}.tf_record" for split in ("train", "eval")]
    flags += [f"--test_data_output_path={ours}/test_{{}}.tf_record", f"--meta_data_file_path={ours}/meta_data.json"]
    assert run(f"--input_data_dir={tmp_path}", f"--vocab_file={vocab_file}", "--pad_to_max_length", *flags) == 0

    processor, tokenizer = library.PanxProcessor(), tokenization.FullTokenizer(vocab_file=vocab_file, do_lower_case=True)
    assert list(read_meta_data(f"{ours}/meta_data.json").label_list) == processor.get_labels()
    sets = {"train": processor.get_train_examples(str(tmp_path)), "eval": processor.get_dev_examples(str(tmp_path))}
    sets["test_de"] = library._read_one_file(str(tmp_path / "test-de.tsv"), processor.get_labels())
    for split, examples in sets.items():
        garden = str(tmp_path / f"garden_{split}.tf_record")
        library.write_example_to_file(examples, tokenizer, LENGTH, garden)
        count = 0
        pairs = zip(tf.data.TFRecordDataset(f"{ours}/{split}.tf_record"), tf.data.TFRecordDataset(garden), strict=True)
        for our_record, garden_record in pairs:
            one, other = (tf.train.Example.FromString(record.numpy()).features.feature for record in (our_record, garden_record))
            assert {name: one[name] for name in other} == dict(other)
            count += 1
        assert count == len(examples)


WRONG = [
    ([], "--input_data_dir is required"),
    (
        ["--input_data_dir={there}", "--token_column=1"],
        "--token_column is for your own files; a task of XTREME knows its columns",
    ),
    (["--input_data_dir={there}", "--train_file={there}/x"], "--train_file and --tagging_task_name exclude each other"),
    (["--input_data_dir={there}"], "has no train-en.tsv"),
]


@pytest.mark.parametrize(("flags", "message"), WRONG)
def test_wrong_flags_are_told(tmp_path, tiny_vocab_file, capsys, flags, message):
    flags = [flag.format(there=tmp_path) for flag in flags] + [f"--train_data_output_path={tmp_path}/out/train.tf_record"]
    assert run(*flags, f"--vocab_file={tiny_vocab_file}", f"--meta_data_file_path={tmp_path}/out/meta.json") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
