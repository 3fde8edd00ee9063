"""The examinations of data: what they find, how much that matters, and the cure they name."""

import numpy as np
import pytest
from doctor_material import ADVICE, OK, WRONG, facts_of, found, inputs, some, worst

from bert_tf2.jobs.doctor.examinations import agreement, copies, labels, lengths, vocabulary
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.vocabulary import Vocabulary
from bert_tf2.text.wordpiece import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

# Copies


def test_no_copies():
    facts = facts_of(inputs("train", [[1, 2], [1, 3]], [0, 1]), inputs("eval", [[2, 2]], [0]))
    assert found(copies.examine, facts) == [(OK, "no training row occurs twice", ""), (OK, "no row of eval is in train", "")]


def test_copies_within_the_training():
    facts = facts_of(inputs("train", [[1, 2]] * 3 + [[row, 9] for row in range(17)], [0] * 20))
    one = worst(copies.examine, facts)
    assert (one.severity, one.says) == (ADVICE, "2 training rows (10.0%) repeat another")
    assert one.details == ("train.tsv:0 (bad) and train.tsv:1 (bad): text 1", "train.tsv:0 (bad) and train.tsv:2 (bad): text 2")


def test_contradictions_are_told_with_their_places():
    facts = facts_of(inputs("train", [[1, 2], [1, 2], *([row, 9] for row in range(98))], [0, 1, *[0] * 98]))
    one = worst(copies.examine, facts)
    assert one.severity == ADVICE
    assert "1 training rows (1.0%) are equal to another one and have another answer" in one.says
    assert one.details == ("train.tsv:0 (bad) and train.tsv:1 (good): text 1",)


def test_rows_that_were_cut_are_told_of():
    facts = facts_of(inputs("train", [[1] * 8, [1] * 8, [2], [2]], [0, 0, 1, 1]))
    assert (
        "2 training rows (50.0%) repeat another (1 of them cut to 8 tokens, and compared as far)"
        in worst(copies.examine, facts).says
    )


def test_leaks():
    train = inputs("train", [[row, 9] for row in range(100)], [row % 2 for row in range(100)])
    few = facts_of(train, inputs("eval", [[row, 9] for row in range(99, 299)], [1] * 200))
    assert worst(copies.examine, few).severity == ADVICE
    many = worst(copies.examine, facts_of(train, inputs("eval", [[row, 9] for row in range(50)], [row % 2 for row in range(50)])))
    assert (many.severity, many.says) == (WRONG, "50 rows of eval (100.0%) are in train too: scores will look too good")
    assert many.details[-1] == "and 47 more"
    other = facts_of(train, inputs("eval", [[row, 9] for row in range(50)], [1 - row % 2 for row in range(50)]))
    assert "and 50 of them have another answer there" in worst(copies.examine, other).says


def test_rows_without_answers_do_not_contradict():
    facts = facts_of(inputs("train", [[1], [1]]), names=())
    assert all("answer" not in says for _, says, _ in found(copies.examine, facts))


# Agreement of labels


def texts_of(classes, seed):
    """Ids, of which some are commoner in a class."""
    random = np.random.default_rng(seed)
    return [np.concatenate([random.integers(100, 200, 6), random.integers(one * 10, one * 10 + 10, 2)]) for one in classes]


def agreeing(seed, number, change=lambda classes, random: classes, names=("bad", "good")):
    random = np.random.default_rng(seed)
    classes = random.integers(0, len(names), number)
    return texts_of(classes, seed), change(classes, random)


def compared(change, number=200, names=("bad", "good")):
    train, dev = inputs("train", *agreeing(1, 600, names=names)), inputs("eval", *agreeing(2, number, change, names))
    return list(agreement.examine(facts_of(train, dev, names=names)))


def test_labels_that_agree():
    of_train, of_eval = compared(lambda classes, random: classes)
    assert of_train.says.startswith("by words alone train's labels are ")
    assert (of_eval.severity, of_eval.says.endswith("its labels agree with train's")) == (OK, True)


def test_labels_that_were_shuffled():
    _, of_eval = compared(lambda classes, random: random.permutation(classes))
    assert of_eval.severity == WRONG
    assert "no better than by chance" in of_eval.says


def test_labels_that_were_exchanged():
    _, of_eval = compared(lambda classes, random: 1 - classes)
    assert of_eval.severity == WRONG
    assert "'bad' there is 'good' in train, 'good' there is 'bad' in train" in of_eval.says


def test_labels_in_another_order():
    names = ("a", "b", "c", "d")
    _, of_eval = compared(lambda classes, random: (classes + 1) % 4, number=400, names=names)
    assert of_eval.severity == WRONG
    assert "'b' there is 'a' in train" in of_eval.says


def test_part_of_the_labels_wrong_is_advice():
    def change(classes, random):
        return np.where(random.random(len(classes)) < 0.35, 1 - classes, classes)

    _, of_eval = compared(change, number=1000)
    assert of_eval.severity == ADVICE
    assert "much less than on train" in of_eval.says


def test_too_few_rows_to_tell():
    _, of_eval = compared(lambda classes, random: random.permutation(classes), number=12)
    assert of_eval.severity == OK
    assert "too few to say" in of_eval.says


def test_labels_of_train_that_words_do_not_tell():
    ids, _ = agreeing(1, 1500)
    train = inputs("train", ids, np.random.default_rng(3).integers(0, 2, 1500))
    (one,) = agreement.examine(facts_of(train, inputs("eval", *agreeing(2, 200))))
    assert one.severity == ADVICE
    assert one.says.startswith("train's labels cannot be told from its words")


def test_kinds_without_classes_are_not_compared():
    assert not list(agreement.examine(facts_of(inputs("train", [[1]] * 90), names=())))
    assert not list(agreement.examine(some(inputs={}, task=some(class_names=("a", "b")))))


# Labels


@pytest.mark.parametrize(
    ("classes", "severity", "part"),
    [
        ([0] * 40 + [1] * 60, OK, "always guessing the most frequent one is right in 60.0%"),
        ([0] * 4 + [1] * 96, ADVICE, "24 times as frequent as 'bad' (4 rows)"),
        ([1] * 30, WRONG, "all training rows have one label"),
        ([0] * 8 + [1] * 20, ADVICE, "fewer than 10 training rows have the label 'bad'"),
    ],
)
def test_balance(classes, severity, part):
    facts = facts_of(inputs("train", [[row] for row in range(len(classes))], classes), data=some(sets=[]))
    assert any((one, part in says) == (severity, True) for one, says, _ in found(labels.examine, facts))
    assert worst(labels.examine, facts).severity == severity


def test_weights_that_are_given_are_not_advised():
    rows = inputs("train", [[row] for row in range(240)], [0] * 12 + [1] * 228)
    facts = facts_of(rows, data=some(sets=[]), options=some(class_weights="balanced"))
    assert worst(labels.examine, facts).severity == OK


def test_a_label_that_only_another_set_has():
    facts = facts_of(
        inputs("train", [[row] for row in range(40)], [0, 1] * 20), inputs("eval", [[50]], [2]), names=("a", "b", "c"),
        data=some(sets=[]),
    )  # fmt: skip
    assert "eval: the label 'c' never occurs in train" in [says for _, says, _ in found(labels.examine, facts)]


def test_another_order_in_the_metadata_of_other_records(tmp_path):
    (tmp_path / "meta_data.json").write_text(
        '{"task_type": "bert_classification", "max_seq_length": 8, "train_data_size": 0, "num_labels": 2, '
        '"label_list": ["b", "a"]}'
    )
    facts = facts_of(
        data=some(sets=[some(name="eval", origin=str(tmp_path / "eval.tf_record"))]), run=some(meta=some(label_list=("a", "b")))
    )
    ((severity, says, _),) = found(labels.examine, facts)
    assert severity == WRONG
    assert "number the labels as b, a" in says


# Lengths


def test_histogram():
    lines = lengths.histogram([3] * 10 + [12] * 5)
    assert [line.split()[0] for line in lines] == ["3-4", "5-6", "7-8", "9-10", "11-12"]
    assert lines[0].endswith("66.7%")
    assert lines[-1].count("▇") == 20
    assert len(lengths.histogram([7])) == 1


def cut(shares, makes_records=True):
    run = some(meta=some(truncated_fraction=shares), max_seq_length=64, config=some(longest_input=512), tokenizer=None)
    run.makes_records = makes_records
    return some(train_lengths=np.array([10, 64]), run=run, data=some(records=[0, 1]), train_texts=None)


def test_what_is_cut():
    assert worst(lengths.examine, cut({"train": 0.0})).severity == OK
    assert worst(lengths.examine, cut({"train": 0.01})).severity == OK
    one = worst(lengths.examine, cut({"train": 0.4, "eval": 0.5}))
    assert (one.severity, one.says) == (ADVICE, "cut, and the rest is not seen: 40.0% of train, 50.0% of eval")
    assert one.cure.startswith("--max_seq_length=128")
    assert worst(lengths.examine, cut({"train": 0.4}, False)).cure.startswith("make the records again with --max_seq_length=128")


# Vocabulary


def tokenizer_of(words, lower):
    tokens = (*SPECIAL, *words, *"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"))
    return WordPieceTokenizer(Vocabulary("vocab.txt", tuple(dict.fromkeys(tokens)), {}, ()), Normalization(lower))


CASED, UNCASED = ["The", "Paris", "Ann", "the", "was", "in"], ["the", "paris", "ann", "was", "in"]
TEXTS = [("The Ann was in Paris", None)] * 10


def spoken(tokenizer, texts=TEXTS, makes_records=True, **more):
    run = some(tokenizer=tokenizer, meta=None, restored=None, makes_records=makes_records)
    return some(run=run, train_texts=texts, inputs={}, **more)


@pytest.mark.parametrize(
    ("words", "lower", "cure"), [(CASED, True, "--nodo_lower_case"), (UNCASED, False, "--do_lower_case"), (UNCASED, True, "")]
)
def test_casing_against_the_vocabulary(words, lower, cure):
    one = worst(vocabulary.examine, spoken(tokenizer_of(words, lower)))
    assert (one.severity == WRONG, one.cure) == (bool(cure), cure)


def test_casing_of_records_that_are_there_already():
    facts = spoken(tokenizer_of(CASED, True), texts=None, makes_records=False)
    one = worst(vocabulary.examine, facts)
    assert one.severity == WRONG
    assert one.cure.startswith("make the records again with --nodo_lower_case")


def test_texts_without_capitals_for_a_cased_vocabulary():
    one = worst(vocabulary.examine, spoken(tokenizer_of(CASED, False), [("the ann was in paris", None)] * 9))
    assert one.severity == ADVICE
    assert one.says.startswith("the texts have no capital letters, and vocab.txt is a cased vocabulary")


def test_unknown_words_are_named():
    one = worst(vocabulary.examine, spoken(tokenizer_of(UNCASED, True), [("the 猫 was 在 paris", None)] * 9))
    assert one.severity == WRONG
    assert one.says.endswith("the vocabulary does not hold: 猫, 在")


def test_accents_that_are_stripped_from_a_vocabulary_that_has_them():
    facts = spoken(tokenizer_of([*UNCASED, "é", "élan", "à"], True), [("élan was in paris", None)] * 3)
    assert [cure for _, _, cure in found(vocabulary.examine, facts) if cure] == ["--strip_accents=false"]


def test_another_vocabulary_than_the_one_beside_the_weights(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL, "other"]))
    facts = spoken(tokenizer_of(UNCASED, True))
    facts.run.restored = some(loaded=some(path=str(tmp_path / "model.ckpt")))
    one = worst(vocabulary.examine, facts)
    assert one.severity == WRONG
    assert one.cure == f"--vocab_file={tmp_path / 'vocab.txt'}"


def test_without_a_vocabulary():
    assert [severity for severity, _, _ in found(vocabulary.examine, spoken(None))] == [OK]
