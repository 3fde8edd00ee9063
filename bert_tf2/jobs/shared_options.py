"""Options that several commands have, each under a heading of its own."""

from typing import Any

from bert_tf2.options import option


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


def do_lower_case(section: str) -> Any:
    """`--do_lower_case` of a command that trains or uses a model, on raw files or on records."""
    return option(
        None,
        "Lower-case the text; right for uncased vocabularies [default: what the records say, or tokenizer_config.json beside the "
        "vocabulary, or true].",
        section=section,
    )


def strip_accents(section: str) -> Any:
    """`--strip_accents` of a command that trains or uses a model."""
    return option(
        None, "Strip the accents of letters [default: as --do_lower_case, or what records or tokenizer say].", section=section
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
