"""`--keep_tokens` from raw text to predictions: what is kept whole in records is so in the model's directory and its export."""

import json

import numpy as np
import pytest
from classifier_workplace import Workplace, write_rows

from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.text.tokenizer import load_tokenizer


@pytest.mark.slow
def test_markers_stay_whole_in_records_predictions_and_exports(tmp_path, tiny_vocabulary, tiny_config_dict, capsys):
    vocab_file = tmp_path / "vocab.txt"
    vocab_file.write_text("\n".join([*tiny_vocabulary, "[E1]", "[unused1]"]) + "\n")
    place = Workplace(tmp_path, str(vocab_file), tiny_config_dict | {"vocab_size": 88})
    for split, number in (("train", 32), ("eval", 8), ("test", 8)):
        write_rows(tmp_path / f"{split}.tsv", number, number)
        path = tmp_path / f"{split}.tsv"
        path.write_text(path.read_text().replace("movie", "[E1] movie [unused1]"))
    assert place.prepare("--keep_tokens=[E1],[unused1]") == 0
    assert read_meta_data(str(tmp_path / "meta_data.json")).never_split == ("[E1]", "[unused1]")
    assert place.run("--mode=train", "--num_train_epochs=1", f"--model_export_path={tmp_path}/export") == 0
    assert json.loads((place.model_dir / "tokenizer_config.json").read_text())["never_split"] == ["[E1]", "[unused1]"]
    texts = ["the [E1] movie [unused1] was good", "the movie [E1] was bad", "the movie was bad"]
    of_training = TextClassifier.from_run(str(place.model_dir)).predict(texts)
    of_export = TextClassifier.from_saved_model(f"{tmp_path}/export_text").predict(texts)
    scores = [[list(one.probabilities.values()) for one in found] for found in (of_training, of_export)]
    np.testing.assert_allclose(*scores, atol=1e-6)
    capsys.readouterr()
    assert place.run("--mode=predict", "--keep_tokens=[E2]") == 2
    error = "--keep_tokens=[E2], but the records were made with [E1],[unused1]; leave the flag out or prepare the data again"
    assert capsys.readouterr().err.splitlines()[-1] == f"ERROR: {error}"


def test_what_is_kept_is_in_the_vocabulary(tmp_path, tiny_vocab_file, byte_level_folder):
    with pytest.raises(UserError, match=r"^--keep_tokens: '\[E1\]' is not in .*; add it with python -m bert_tf2.vocabulary"):
        load_tokenizer(vocab_file=tiny_vocab_file, keep_tokens="[E1]")
    with pytest.raises(UserError, match=r"^--keep_tokens belongs to WordPiece; "):
        load_tokenizer(vocab_file=byte_level_folder, keep_tokens="[E1]")
    with open(tiny_vocab_file, "a") as file:
        file.write("[E1]\nGood\n")
    (tmp_path / "tokenizer_config.json").write_text('{"never_split": ["[E1]"]}')
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file, keep_tokens="Good")
    assert tokenizer.tokenize("[E1] Good good [E1]!") == ["[E1]", "Good", "good", "[UNK]", "e", "##1", "[UNK]", "!"]
