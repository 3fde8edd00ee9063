"""What every test shares: a quiet TensorFlow, a tiny configuration and the way to the real data."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> pathlib.Path:
    """The folder of real data; the test is skipped where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("needs the real data in ../shared/data")
    return REAL_DATA


# [PAD] at 0 as in every published vocabulary; letters and their continuations make every lower-case word encodable.
TINY_VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "movie", "was", "good", "bad", "very", "!", ".", ","] + [
    prefix + letter for prefix in ("", "##") for letter in "abcdefghijklmnopqrstuvwxyz0123456789"
]


@pytest.fixture(scope="session")
def tiny_vocabulary() -> list[str]:
    """The tokens of `tiny_vocab_file`, in the order of their ids."""
    return TINY_VOCABULARY


@pytest.fixture
def tiny_vocab_file(tmp_path: pathlib.Path) -> str:
    """A WordPiece vocabulary of 86 entries that can spell every lower-case English word."""
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(TINY_VOCABULARY) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def tiny_config_dict() -> dict:
    """A BERT of two layers and width 16 over `tiny_vocab_file`, in the form of Google's bert_config.json."""
    return {
        "vocab_size": len(TINY_VOCABULARY),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "initializer_range": 0.02,
    }
