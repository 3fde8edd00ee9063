"""Inputs of questions with choices: what stands where, and what is cut."""

import random

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.multiple_choice.examples import ChoiceExample
from bert_tf2.tasks.multiple_choice.packing import ChoicePacker, PackedChoices
from bert_tf2.tasks.multiple_choice.packing_options import PackingOptions
from bert_tf2.text.tokenizer import load_tokenizer


@pytest.fixture
def tokenizer(tiny_vocab_file):
    return load_tokenizer(vocab_file=tiny_vocab_file, do_lower_case=True)


def example(context="", question="", choices=("good", "bad"), **others):
    return ChoiceExample(0, "0", context, question, tuple(choices), None, "file:1", **others)


def tokens(tokenizer, packed):
    return [" ".join(map(tokenizer.id_to_token, ids)) for ids in packed.ids]


def test_a_context_stands_first_and_else_the_question(tokenizer):
    pack = ChoicePacker(tokenizer, PackingOptions(32))
    both, without, ending = pack(
        [example("the movie", "was very"), example("", "was very"), example("the movie was", "", ("good", "bad", "very good"))]
    )
    assert tokens(tokenizer, both) == [
        "[CLS] the movie [SEP] was very good [SEP]",
        "[CLS] the movie [SEP] was very bad [SEP]",
    ]
    assert both.first == [4, 4]
    assert tokens(tokenizer, without) == ["[CLS] was very [SEP] good [SEP]", "[CLS] was very [SEP] bad [SEP]"]
    assert tokens(tokenizer, ending)[2] == "[CLS] the movie was [SEP] very good [SEP]"
    assert not any(packed.context_is_cut or packed.question_is_cut or packed.is_ambiguous for packed in (both, without, ending))


def test_only_the_context_is_cut(tokenizer):
    pack = ChoicePacker(tokenizer, PackingOptions(9))
    (packed,) = pack([example("the movie was very bad !", "was", ("good", "very very good ."))])
    assert tokens(tokenizer, packed) == [
        "[CLS] the movie was very [SEP] was good [SEP]",
        "[CLS] the [SEP] was very very good . [SEP]",
    ]
    assert packed.first == [6, 3]
    assert packed.context_is_cut
    assert not packed.question_is_cut
    # Where question and choice fill the input, nothing of the context is left.
    (packed,) = pack([example("the movie", "was very very", ("good", "bad . !"))])
    assert tokens(tokenizer, packed)[1] == "[CLS] [SEP] was very very bad . ! [SEP]"
    assert packed.first[1] == 2


def test_a_question_that_leaves_no_room_is_refused_or_cut(tokenizer):
    long = example("the movie", "was very very very", ("good", "bad . !"))
    (complaint,) = ChoicePacker(tokenizer, PackingOptions(9))([long])
    assert complaint == (
        "the question with choice B has 7 tokens, but --max_seq_length=9 has room for 6; raise it, or cut question and choice to "
        "their last tokens by --max_qa_length"
    )
    (packed,) = ChoicePacker(tokenizer, PackingOptions(9, 4))([long])
    assert tokens(tokenizer, packed) == [
        "[CLS] the movie [SEP] very very very good [SEP]",
        "[CLS] the movie [SEP] very bad . ! [SEP]",
    ]
    assert packed.question_is_cut
    assert not packed.context_is_cut
    (packed,) = ChoicePacker(tokenizer, PackingOptions(9, 2))([example("", "the movie was", ("good", "very very bad"))])
    assert tokens(tokenizer, packed) == ["[CLS] was [SEP] good [SEP]", "[CLS] [SEP] very bad [SEP]"]


def test_choices_that_cannot_be_told_apart_or_have_no_token(tokenizer):
    pack = ChoicePacker(tokenizer, PackingOptions(32))
    same, empty = pack([example("the", "movie", ("Good", "good")), example("the", "", ("good", "\u200b\u00ad"))])
    assert same.is_ambiguous
    assert empty == "choice B has no token"


def test_options_that_cannot_work():
    with pytest.raises(UserError, match="--max_seq_length must be at least 4 here; got 3"):
        PackingOptions(3).check()
    for length in (0, 126):
        with pytest.raises(UserError, match=f"--max_qa_length must be from 1 to --max_seq_length - 3 = 125; got {length}"):
            PackingOptions(128, length).check()
    PackingOptions(128, 125).check()


def race_input(context, ending, max_seq_length, max_qa_length):
    """What run_race.py of google-research/albert does to the tokens of a text and of a question with its choice, in words: the
    last tokens of the latter, then as many of the former as fit."""
    ending = ending[-max_qa_length:]
    context = context[: max_seq_length - 3 - len(ending)] if len(context) + len(ending) > max_seq_length - 3 else context
    return ["[CLS]", *context, "[SEP]", *ending, "[SEP]"], [0] * (len(context) + 2) + [1] * (len(ending) + 1)


def test_inputs_are_those_of_alberts_race(tokenizer):
    chance = random.Random(7)
    words = ["the", "movie", "was", "good", "bad", "very", "!", "."]

    def text(most):
        return " ".join(chance.choices(words, k=chance.randint(1, most)))

    for _ in range(300):
        length, most = chance.randint(8, 20), chance.randint(1, 5)
        one = example(text(20), text(8) + (" _" if chance.random() < 0.5 else ""), [text(6) for _ in range(4)], fills_blank=True)
        (packed,) = ChoicePacker(tokenizer, PackingOptions(length, most))([one])
        assert isinstance(packed, PackedChoices)
        for choice, ids, first in zip(one.choices, packed.ids, packed.first):
            ending = one.question.replace("_", choice) if "_" in one.question else f"{one.question} {choice}"
            expected, segments = race_input(tokenizer.tokenize(one.context), tokenizer.tokenize(ending), length, most)
            assert list(map(tokenizer.id_to_token, ids)) == expected
            assert [0] * first + [1] * (len(ids) - first) == segments
