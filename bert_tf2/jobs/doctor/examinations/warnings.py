"""What the job itself warns of, as far as no examination says it with more."""

from collections.abc import Iterator

from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice

COVERED = (
    "the text of another row",
    "have a text that is also in train",
    "texts occur with different labels",
    "of the tokens are [UNK]",
    "is a cased vocabulary, but the text is lower-cased",
    "is an uncased vocabulary, but the text keeps its capitals",
    "never occurs in train",
    "a classifier cannot learn from one class",
    "training starts from random weights",
    "starts from random values",
    "the learning rate never reaches",
    "is far above what BERT is trained with",
    "every step takes all of them",
)
"""Parts of warnings whose subject an examination has, with places and cures."""


def examine(facts: Facts) -> Iterator[Finding]:
    """Each warning once."""
    for line in dict.fromkeys(facts.said):
        if not any(part in line for part in COVERED):
            yield advice(line, "")
