"""The small classification task, prepared and trained."""

import pytest
from classifier_workplace import Workplace, write_rows


@pytest.fixture
def workplace(tmp_path, tiny_vocab_file, tiny_config_dict) -> Workplace:
    """Rows, records and a configuration; nothing is trained yet."""
    for seed, (split, rows) in enumerate((("train", 150), ("eval", 41), ("test", 23))):
        write_rows(tmp_path / f"{split}.tsv", rows, seed)
    place = Workplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    assert place.prepare() == 0
    return place


@pytest.fixture(scope="module")
def trained_workplace(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """A trained classifier in `model`, exported as `export` and `export_text`, with the predictions of its test rows."""
    directory = tmp_path_factory.mktemp("trained")
    for seed, (split, rows) in enumerate((("train", 150), ("eval", 41), ("test", 23))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    vocab_file = directory / "vocab.txt"
    vocab_file.write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64, **sizes}
    place = Workplace(directory, str(vocab_file), config)
    assert place.prepare() == 0
    assert place.run("--mode=train", "--num_train_epochs=2", f"--model_export_path={directory / 'export'}") == 0
    assert place.run("--mode=predict") == 0
    return place
