"""A small byte-level BPE in RoBERTa's files, trained by the library `tokenizers`."""

import json
import pathlib
from collections.abc import Sequence

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

SENTENCES = [
    "The movie was good, the acting wasn't bad at all.",
    "I'd say it's a very good movie; they've done well and we'll see more!!",
    "Jim Henson was a puppeteer from 1936 to 1990 ... in  Greenville,   Mississippi",
    "Das schöne Fräulein aß naïve Äpfel. Où est la café? 2,000 people's movies were very, very bad.",
    "这部电影很好看，演员也很好。 日本語のテキスト 한국어 हिन्दी 😀 👨‍👩‍👧",
    "====== ------ ...... aaaaaaaaaaaaaaaa\n\n\tline\u3000wide\u00a0space",
]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def write_byte_level_files(folder: pathlib.Path, sentences: Sequence[str] = SENTENCES, vocab_size: int = 500) -> str:
    """Writes vocab.json and merges.txt, `<mask>` last as in RoBERTa's, and returns the folder."""
    engine = Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    engine.train_from_iterator(sentences, trainer)
    model = json.loads(engine.to_str())["model"]
    folder.mkdir(exist_ok=True)
    vocab = model["vocab"] | {"<mask>": len(model["vocab"])}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    merges = [" ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    return str(folder)
