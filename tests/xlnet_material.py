"""A small SentencePiece model with XLNet's control symbols, trained as XLNet's README says; no published one is at hand."""

import pathlib
from collections.abc import Iterable

import sentencepiece

IDS = {"<unk>": 0, "<s>": 1, "</s>": 2, "<cls>": 3, "<sep>": 4, "<pad>": 5, "<mask>": 6, "<eod>": 7, "<eop>": 8}


def train_xlnet_pieces(path: pathlib.Path, lines: Iterable[str], vocab_size: int = 300) -> str:
    """Writes a unigram model of up to so many pieces and gives its path."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in lines if 0 < len(line) < 1000 and "\x00" not in line]),
        model_prefix=str(path.with_suffix("")),
        vocab_size=vocab_size,
        hard_vocab_limit=False,
        character_coverage=0.99995,
        control_symbols=["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"],
        user_defined_symbols=["<eop>", ".", "(", ")", '"', "-", "–", "£", "€"],
        minloglevel=2,
    )
    return str(path)
