"""Options that several commands have, each under a heading of its own."""

from typing import Any

from bert_tf2.options import at_least, option


def vocab_file_before_training(section: str) -> Any:
    """`--vocab_file` of a command that prepares data."""
    return option(
        None,
        "Vocabulary of the model: WordPiece's vocab.txt, RoBERTa's vocab.json with merges.txt beside it, the tokenizer.json of "
        "either, or a folder with one of them.",
        section=section,
    )


def tokenization(section: str) -> Any:
    """`--tokenization` of a command that prepares data."""
    return option(
        "WordPiece",
        "Tokenizer. RoBERTa's byte-level BPE needs no flag: its vocabulary tells.",
        choices=("WordPiece", "SentencePiece"),
        section=section,
    )


def do_lower_case_before_training(section: str) -> Any:
    """`--do_lower_case` of a command that prepares data."""
    return option(
        None,
        "Lower-case the text; right for uncased models [default: what tokenizer_config.json beside --vocab_file says, or true].",
        section=section,
    )


def strip_accents_before_training(section: str) -> Any:
    """`--strip_accents` of a command that prepares data."""
    return option(
        None, "Strip the accents of letters [default: what the tokenizer's files say, or as --do_lower_case].", section=section
    )


def keep_tokens(section: str) -> Any:
    """`--keep_tokens` of a command that makes inputs of text; what it says is kept with the records and the model."""
    return option(
        None,
        "Words of the vocabulary that are one token between spaces and never split or lower-cased, such as [E1],[E2] or "
        "[unused1]; comma-separated [default: what the tokenizer's files or the records say].",
        section=section,
        comma_separated=True,
    )


def do_lower_case(section: str) -> Any:
    """`--do_lower_case` of a command that trains or uses a model, on raw files or on records."""
    return option(
        None,
        "Lower-case the text; right for uncased vocabularies [default: what the records say, or tokenizer_config.json beside the "
        "vocabulary, or true].",
        section=section,
        other_names=("uncased",),
    )


def strip_accents(section: str) -> Any:
    """`--strip_accents` of a command that trains or uses a model."""
    return option(
        None, "Strip the accents of letters [default: as --do_lower_case, or what records or tokenizer say].", section=section
    )


def num_train_steps(section: str) -> Any:
    """`--num_train_steps` of a fine-tuning."""
    return option(
        None,
        "Training steps, instead of --num_train_epochs.",
        check=at_least(1),
        section=section,
        other_names=("train_steps", "train_step"),
    )


def steps_rounding(section: str) -> Any:
    """`--steps_rounding` of a fine-tuning."""
    return option(
        "up",
        "How the training's steps are counted: up (every example in every epoch, its last batch may be smaller) or google "
        "(rounded down as this dialect's original does it, for exact comparison).",
        choices=("up", "google"),
        section=section,
    )
