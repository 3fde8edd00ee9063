"""Running text into sentences."""

import pytest

from bert_tf2.tasks.pretraining.sentences import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["It rained.", "Nobody came!", "Why?", "Who knows…", "And so on"],
        ['"Come in," said Mr. Bennet.', '"You are late."', "She was."],
        ["He met Dr. J. R. Smith of St. Ives at 3.15 p.m. on Jan. 5.", "Then he left."],
        ["The U.S. Senate voted.", "It costs 3.5 dollars, e.g. for bread, etc. and more."],
        ["He said (quietly.)", "(Nobody heard.)", "“Speak up!”", "‘No.’", "All was still."],
        ["Was it I?", "It was I.", "Nobody else."],
        ["Grün ist es.", "Über allem.", "Été.", "Élan."],
        ["今天下雨。", "没有人来！", "“为什么？”", "谁知道。"],
        ["他说：“好。”", "然后走了。"],
        ["no capital follows. so this stays one"],
        ["Version 2.20 is out.", "3 people came."],
    ],
    ids=lambda sentences: sentences[0],
)
def test_sentences_are_found(sentences):
    joined = ("" if "。" in "".join(sentences) else " ").join(sentences)
    assert split_sentences(joined) == sentences
    assert split_sentences(f"  {joined}\n") == sentences


def test_nothing_gives_nothing():
    assert split_sentences("") == []
    assert split_sentences(" \t\n") == []


def test_a_million_characters_without_an_end_are_one_sentence():
    assert split_sentences("word " * 200_000) == [("word " * 200_000).strip()]
    assert len(split_sentences("Stop. " * 100_000)) == 100_000
