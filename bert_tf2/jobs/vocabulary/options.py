"""The options of `python -m bert_tf2.vocabulary`, and which belong to which mode."""

import dataclasses

from bert_tf2.errors import UserError
from bert_tf2.jobs import shared_options
from bert_tf2.options import Options, at_least, fraction, option, refuse_given, require_given

TEXT, VOCABULARY, OUTPUT = "Text", "Vocabulary and checkpoint", "Output"
TRAIN, ADD, TRIM, COMPARE = "--mode=train", "--mode=add", "--mode=trim", "--mode=compare"

_MODES = {
    "train": {
        "text_files", "text_field", "output_dir", "do_lower_case", "strip_accents", "tokenization", "vocab_size",
        "num_unused_tokens", "min_count", "character_coverage", "keep_tokens",
    },
    "add": {
        "vocab_file", "init_checkpoint", "bert_config_file", "output_dir", "do_lower_case", "strip_accents", "keep_tokens",
        "add_tokens", "add_tokens_file", "use_unused",
    },
    "trim": {
        "text_files", "text_field", "vocab_file", "init_checkpoint", "bert_config_file", "output_dir", "do_lower_case",
        "strip_accents", "min_count", "keep_tokens", "keep_characters",
    },
    "compare": {
        "text_files", "text_field", "vocab_file", "other_vocab_file", "do_lower_case", "strip_accents", "other_do_lower_case",
        "output_file",
    },
}  # fmt: skip
_NEEDED = {
    "train": {"text_files": "the text to learn from", "output_dir": "the folder to write"},
    "add": {
        "vocab_file or init_checkpoint": "what tokens are added to",
        "add_tokens or add_tokens_file or keep_tokens": "the tokens",
        "output_dir": "the folder to write",
    },
    "trim": {
        "vocab_file or init_checkpoint": "what is trimmed",
        "text_files": "the text whose tokens stay",
        "output_dir": "the folder to write",
    },
    "compare": {"vocab_file": "the first vocabulary", "other_vocab_file": "the second"},
}


@dataclasses.dataclass(frozen=True)
class VocabularyOptions(Options):
    """What to do, with which vocabulary and text."""

    mode: str | None = option(
        None,
        "train: learn a vocabulary from text. add: add tokens, to a checkpoint's table too. trim: leave the tokens that a text "
        "needs, in the table too. compare: two vocabularies.",
        choices=("train", "add", "trim", "compare"),
    )

    text_files: str | None = option(
        None,
        "Text files in UTF-8, or files with a JSON object on each line; comma-separated files and globs.",
        section=TEXT,
        other_names=("input_file",),
        comma_separated=True,
    )
    text_field: str = option("text", "Key of the text in JSON objects.", section=TEXT)
    do_lower_case: bool | None = shared_options.do_lower_case_before_training(TEXT)
    strip_accents: bool | None = shared_options.strip_accents_before_training(TEXT)

    vocab_file: str | None = option(
        None,
        "The vocabulary: a vocab.txt, a tokenizer.json or a folder with one [default: the one beside --init_checkpoint]. To "
        "compare also RoBERTa's vocab.json, or a SentencePiece model.",
        section=VOCABULARY,
    )
    init_checkpoint: str | None = option(
        None, "The checkpoint whose embedding table goes along, of any format; it is written in the same.", section=VOCABULARY
    )
    bert_config_file: str | None = option(None, "Its configuration [default: the one beside it].", section=VOCABULARY)

    output_dir: str | None = option(
        None, "Folder to write, whole or not at all: the vocabulary, how text is prepared for it, and the model.", section=OUTPUT
    )
    output_file: str | None = option(None, "With compare: a JSON file for what it finds.", section=OUTPUT)

    tokenization: str = option("WordPiece", "What is learned.", choices=("WordPiece", "SentencePiece"), section=TRAIN)
    vocab_size: int = option(30522, "Number of tokens; fewer where the text has no more.", check=at_least(1), section=TRAIN)
    num_unused_tokens: int = option(0, "Number of [unusedN] tokens, free for words to come.", check=at_least(0), section=TRAIN)
    character_coverage: float = option(
        1.0,
        "Share of the text whose characters are tokens; the rarest others are [UNK]. For Chinese or Japanese 0.9995.",
        check=fraction,
        section=TRAIN,
    )
    min_count: int | None = option(
        None,
        "train: how often two pieces must stand together to become one [default: 2]. trim: tokens that occur less often go "
        "[default: 1].",
        check=at_least(1),
        section=TRAIN,
    )
    keep_tokens: str | None = option(
        None,
        "Words that are one token each and never split, such as [E1],[E2]. train: part of the vocabulary. add: added unless they "
        "are there. trim: tokens that stay, whatever the text.",
        section=TRAIN,
        comma_separated=True,
    )

    add_tokens: str | None = option(None, "Words to add, comma-separated: covid,[E1].", section=ADD, comma_separated=True)
    add_tokens_file: str | None = option(None, "Words to add, one on each line.", section=ADD)
    use_unused: bool = option(
        False, "Give them the places of [unusedN] first; where these suffice the table does not grow.", section=ADD
    )

    keep_characters: bool = option(
        True, "Keep single characters, so that words which the text does not hold can be spelled.", section=TRIM
    )

    other_vocab_file: str | None = option(None, "The vocabulary to compare --vocab_file with.", section=COMPARE)
    other_do_lower_case: bool | None = option(
        None, "Lower-case the text for --other_vocab_file [default: as --do_lower_case's].", section=COMPARE
    )


def check_vocabulary_options(options: VocabularyOptions) -> None:
    """Applies the checks between options; light.

    Raises:
      UserError: something needed is not given, or a flag belongs to another mode.
    """
    require_given(options, {"mode": "train, add, trim or compare"})
    mode = options.mode or ""
    for field in dataclasses.fields(options):
        if field.name != "mode" and field.name not in _MODES[mode]:
            others = " or ".join(f"--mode={other}" for other, known in _MODES.items() if field.name in known)
            refuse_given(options, [field.name], f"belongs to {others}; leave it out")
    require_given(options, _NEEDED[mode])
    if mode == "train" and options.tokenization == "SentencePiece":
        refuse_given(options, ["min_count"], "belongs to --tokenization=WordPiece; leave it out")
    if options.character_coverage == 0:
        raise UserError("--character_coverage must be greater than 0; got 0.0")
