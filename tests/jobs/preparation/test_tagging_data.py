"""create_finetuning_data.py of tagged sentences: what it writes, says, refuses and leaves out."""

import json

import pytest
from finetuning_workplace import Place

from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.tasks.tagging.features import tagging_features
from bert_tf2.tasks.tagging.files import sentences_of

TRAIN = "ann B-PER\nwas O\nbad O\n\nnew B-LOC\nyork I-LOC\n"
EVAL = "bob B-PER\n. O\n"


class TaggingPlace(Place):
    """The command for files of sentences, `train.conll` and so on."""

    def run(self, *flags, splits=("train", "eval"), **options):
        files = [f"--{split}_file={self.directory / split}.conll" for split in splits]
        return super().run("--fine_tuning_task_type=tagging", *files, *flags, splits=splits, files=False)

    def records(self, split, **options):
        return RecordSet.open(str(self.out / f"{split}.tf_record"), tagging_features(**options))


@pytest.fixture
def place(tmp_path, tiny_vocab_file, capsys):
    place = TaggingPlace(tmp_path, tiny_vocab_file, capsys)
    place.write("train.conll", TRAIN)
    place.write("eval.conll", EVAL)
    return place


def test_records_and_metadata_tell_everything(place):
    code, printed, errors = place.run()
    assert (code, errors.count("WARNING")) == (0, 0)
    assert "train: 2 sentences, 5 words, 12 pieces" in printed
    assert "entities: LOC 1, PER 1" in printed
    assert "python run_classifier.py --mode=train_and_eval" in printed
    meta = place.meta_data()
    assert meta.task_type == "bert_tagging"
    assert meta.label_list == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert meta.sizes == {"train": 2, "eval": 1}
    assert meta.best_metric == "entity_f1"
    assert meta.extra == {"tag_scheme": "IOB2", "label_all_tokens": False, "words_of_text": False}
    assert [sentence.words for sentence in sentences_of(place.records("train"))] == [["ann", "was", "bad"], ["new", "york"]]
    assert place.records("train").parse([0])["label_ids"].tolist() == [[-1, 3, -1, -1, 0, 0, -1]]


def test_a_long_sentence_is_in_several_windows(place):
    place.write("train.conll", "".join(f"ann{number} B-PER\nwas O\n" for number in range(5000)) + "\n" + TRAIN)
    code, printed, _ = place.run("--max_seq_length=32")
    assert code == 0
    assert "(12967.3 a sentence); 1 of them in several windows, 2,5" in printed
    first = next(sentences_of(place.records("train")))
    assert first.words == [word for number in range(5000) for word in (f"ann{number}", "was")]


def test_fixed_lengths_are_padded_with_no_tag(place):
    assert place.run("--pad_to_max_length", "--max_seq_length=16")[0] == 0
    assert set(place.records("train").values("label_ids")[1][6:]) == {-1}
    assert len(place.records("train").values("input_ids")[0]) == 16


def test_sentences_to_predict_may_have_no_tags_or_hidden_ones(place):
    place.write("test.conll", "ann\n\nbob\n")
    assert place.run(splits=("train", "test"))[0] == 0
    assert place.meta_data().extra["test_has_labels"] is False
    place.write("test.conll", "ann _\n\nbob _\n")
    code, _, errors = place.run(splits=("train", "test"))
    assert code == 0
    assert "test: no tag is one of the training's; the first is '_'" in errors
    assert place.meta_data().extra["test_has_labels"] is False
    place.write("test.conll", "ann O\n\nbob B-PER\n")
    assert place.run(splits=("train", "test"))[0] == 0
    assert place.meta_data().extra["test_has_labels"] is True
    place.write("test.conll", "ann O\n\nbob B-XXX\n")
    code, _, errors = place.run(splits=("train", "test"))
    assert code == 2
    assert "test.conll:3: unknown tag 'B-XXX'" in errors


def test_rows_that_cannot_be_used_can_be_left_out(place):
    place.write("train.conll", TRAIN + "\nbad I-PER\nann O\n\nbob B-PER X\n")
    code, _, errors = place.run("--on_bad_row=skip")
    assert code == 0
    assert "train: 2 rows were left out; the first:" in errors
    rejects = [json.loads(line) for line in (place.out / "train.tf_record.rejects.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rejects] == [8, 11]
    assert "stands at the beginning, which IOB2 does not allow" in rejects[0]["reason"]
    assert place.meta_data().sizes["train"] == 2


PLAIN_EVAL = "the DET\nmovie NOUN\n"
WRONG = [
    ("word pos\n" + "the DET\nmovie NOUN\n" * 9, PLAIN_EVAL, [], "train.conll:1: the tag 'pos' occurs in the first row only; is"),
    (TRAIN + "\nbad I-PER\n", EVAL, [], "train.conll:8: the tag 'I-PER' stands at the beginning, which IOB2 does not allow"),
    (TRAIN + "\nann B-PER\nbad O\nbob I-PER\n", EVAL, [], "train.conll:10: the tag 'I-PER' stands behind 'O'"),
    ("token tag\n" + TRAIN, EVAL, [], "train.conll:1: the tag 'tag' is none of IOB2, whose tags are O, B-TYPE, I-TYPE"),
    (TRAIN, EVAL, ["--labels=O,B-LOC,I-LOC"], "train.conll:1: unknown tag 'B-PER'. Known tags: O, B-LOC, I-LOC"),
    (TRAIN, EVAL, ["--labels=O,B-LOC,,B-PER"], "--labels must be names with one comma between two"),
    (TRAIN, EVAL, ["--labels=O,B-PER,O"], "--labels names 'O' twice"),
    (TRAIN, EVAL, ["--tag_scheme=IOBES"], "train.conll:2: the tag 'O' stands behind 'B-PER', which IOBES does not allow"),
    (TRAIN, EVAL, ["--tag_scheme=IOB3"], "--tag_scheme must be one of auto, IOB1, IOB2, IOBES, plain; got 'IOB3'"),
    ("ann O\nbob O\n", EVAL, [], "train.conll: all 2 words have the tag 'O'; there is nothing to learn"),
    ("ann O\nbob O\n", ". O\n", [], "train.conll: only the tag 'O' occurs; at least 2 are needed"),
    ("", EVAL, [], "train.conll: the file holds no words"),
    ("ann B-PER\nbob\n", EVAL, [], "train.conll:2: 1 column, expected 2, as in the first row"),
    (TRAIN, EVAL, ["--tag_column=5"], "train.conll:1: 2 columns, so --tag_column can be 0 to 1; got 5"),
    (TRAIN, EVAL, ["--label_column=1"], "--label_column belongs to --fine_tuning_task_type=classification"),
    (TRAIN, EVAL, ["--only_use_en_dev=false"], "--only_use_en_dev belongs to --tagging_task_name"),
    (TRAIN, EVAL, ["--quotechar=ab"], "--quotechar must be one character"),
]


@pytest.mark.parametrize(("train", "evaluation", "flags", "message"), WRONG)
def test_wrong_input_is_told_in_one_line_and_nothing_is_written(place, train, evaluation, flags, message):
    place.write("train.conll", train)
    place.write("eval.conll", evaluation)
    place.fails(message, *flags)


SPANNED = {"text": "bob was new york", "spans": [[0, 3, "PER"], [8, 16, "LOC"]]}
WRONG_OBJECTS = [
    (
        {"text": "bob was", "spans": [[0, 3, "PER"], [0, 7, "LOC"]]},
        [],
        "train.jsonl:1: the span 0 to 7 ('bob was') overlaps another",
    ),
    ({"text": "bob was", "spans": [[0, 9, "PER"]]}, [], "train.jsonl:1: a span must lie in the text, which has 7 characters"),
    (
        {"text": "bo\u0301b was", "spans": [[0, 2, "PER"]]},
        [],
        "train.jsonl:1: the span 0 to 2 ('bo') splits the character 'o\u0301'",
    ),
    (
        {"tokens": ["bob", "was"], "tags": ["B-PER"]},
        [],
        "train.jsonl:1: 'tags' must be a list with a tag for each of the 2 words",
    ),
    ({"tokens": ["bob", "was"], "tags": [1, 0]}, [], "train.jsonl:1: the tag 1 is a number without a name; name the tags with"),
    (
        {"text": "bob was", "spans": []},
        [],
        "train.jsonl: only the tag 'O' occurs; at least 2 are needed. Is it the right column (--span_",
    ),
    (
        SPANNED,
        ["--tag_scheme=plain"],
        "train.jsonl: the tags of spans are IOB2, so --tag_scheme=plain can do nothing; leave it out",
    ),
]


@pytest.mark.parametrize(("row", "flags", "message"), WRONG_OBJECTS)
def test_what_is_wrong_with_an_only_object_is_told(place, row, flags, message):
    path = place.write("train.jsonl", json.dumps(row) + "\n")
    place.fails(message, f"--train_file={path}", *flags, splits=("train",))


def test_an_only_sentence_with_a_wrong_row_is_told(place):
    place.write("train.conll", "ann X B-PER\nwas O\n")
    place.fails("train.conll:2: 2 columns, expected 3, as in the first row (in the sentences that can be", splits=("train",))


def test_objects_under_the_name_of_columns_are_refused(place):
    place.write("train.conll", '{"tokens": ["ann"], "tags": ["B-PER"]}\n{"tokens": ["was"], "tags": ["O"]}\n')
    place.fails("train.conll:1: an object of JSON, not a word with its tag; name the file .jsonl", splits=("train",))


def test_a_header_of_usual_names_makes_tabs_a_table(place):
    path = place.write("train.tsv", "token\ttag\n" + TRAIN.replace(" ", "\t"))
    test = place.write("test.tsv", "token\nann\n")
    assert place.run(f"--train_file={path}", f"--test_file={test}", splits=("train", "test"))[0] == 0
    assert [sentence.words for sentence in sentences_of(place.records("train"))] == [["ann", "was", "bad"], ["new", "york"]]
    assert [sentence.words for sentence in sentences_of(place.records("test"))] == [["ann"]]


def test_every_tag_absent_from_training_is_told(place):
    place.write("eval.conll", "bob B-ORG\n")
    code, _, errors = place.run()
    assert code == 0
    assert "eval: 'ORG' never occurs in train" in errors
    assert "B-ORG" in place.meta_data().label_list


def test_rows_for_a_trained_model_have_its_tags(place, tmp_path):
    assert place.run("--label_all_tokens")[0] == 0
    meta_path = tmp_path / "trained.json"
    (place.out / "meta.json").rename(meta_path)
    place.write("test.conll", "york\n")
    assert place.run(f"--input_meta_data_path={meta_path}", splits=("test",))[0] == 0
    trained, meta = read_meta_data(str(meta_path)), place.meta_data()
    assert (meta.label_list, meta.max_seq_length) == (trained.label_list, trained.max_seq_length)
    assert meta.extra == trained.extra | {"test_has_labels": False}
    assert place.records("test", all_pieces=True).values("word_starts") == [[0, 1, 0, 0, 0, 0]]
    for flags, message in (
        (["--labels=O,B-PER,I-PER"], "was trained with O,B-LOC,I-LOC,B-PER,I-PER; leave it out"),
        (["--tag_scheme=plain"], "was trained with IOB2; leave it out"),
    ):
        code, _, errors = place.run(f"--input_meta_data_path={meta_path}", *flags, splits=("test",))
        assert code == 2
        assert message in errors


def test_sentences_to_predict_alone_need_tags_from_somewhere(place):
    place.write("test.conll", "york\n")
    place.fails("sentences to predict do not define tags; pass --input_meta_data_path", splits=("test",))
    assert place.run("--labels=O,B-LOC,I-LOC", splits=("test",))[0] == 0
    assert place.meta_data().extra["tag_scheme"] == "IOB2"
