"""Vocabularies with fewer entries than the model's embedding table has rows, and how text was prepared, through the jobs."""

import json

import pytest
from classifier_workplace import Workplace, write_rows
from pretraining_workplace import PretrainingWorkplace

from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.text.normalization import Normalization


def padded(config: dict, rows: int) -> dict:
    return config | {"vocab_size": rows}


@pytest.mark.parametrize(("rows", "warns"), [(96, False), (300, True)])
def test_pretraining_and_filling_with_rows_that_no_token_belongs_to(
    tmp_path, tiny_vocab_file, tiny_config_dict, tiny_vocabulary, rows, warns, capsys
):
    place = PretrainingWorkplace(tmp_path, tiny_vocab_file, padded(tiny_config_dict, rows))
    place.write("records", 2, 20)
    assert place.run("--num_train_steps=2", f"--vocab_file={tiny_vocab_file}", "--also_export=huggingface") == 0
    assert ("or has it so many unused rows?" in capsys.readouterr().err) == warns
    filler = MaskFiller.from_checkpoint(str(place.model_dir))
    # Only what is in the vocabulary is an answer, and all of it together is certain.
    (candidates,) = filler.fill("the movie was very [MASK] !", top_k=1000)
    assert sorted(candidate.token for candidate in candidates) == sorted(tiny_vocabulary)
    assert sum(candidate.probability for candidate in candidates) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [86, 96])
def test_a_classifier_trains_evaluates_and_exports(tmp_path, tiny_vocab_file, tiny_config_dict, rows):
    place = Workplace(tmp_path, tiny_vocab_file, padded(tiny_config_dict, rows))
    for split, number in (("train", 40), ("eval", 10), ("test", 10)):
        write_rows(tmp_path / f"{split}.tsv", number, number)
    assert place.prepare("--nostrip_accents") == 0
    assert read_meta_data(str(tmp_path / "meta_data.json")).normalization == Normalization(True, False)
    flags = [f"--vocab_file={tiny_vocab_file}", f"--model_export_path={tmp_path}/export"]
    assert place.run("--num_train_epochs=1", *flags) == 0
    identity = json.loads((place.model_dir / "run_config.json").read_text())["run"]["data"]["do_lower_case"]
    assert identity == {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": True, "never_split": []}
    settings = json.loads((place.model_dir / "tokenizer_config.json").read_text())
    assert (settings["do_lower_case"], settings["strip_accents"]) == (True, False)


def test_another_preparation_of_text_is_another_run(tmp_path, tiny_vocab_file, tiny_config_dict, capsys):
    place = Workplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    for split, number in (("train", 40), ("eval", 10), ("test", 10)):
        write_rows(tmp_path / f"{split}.tsv", number, number)
    assert place.prepare() == 0
    meta_path = tmp_path / "meta_data.json"
    meta = json.loads(meta_path.read_text())
    assert meta.pop("strip_accents") is True
    # Records and a training from before accents could be kept.
    meta_path.write_text(json.dumps(meta))
    assert place.run("--num_train_epochs=1") == 0
    assert json.loads((place.model_dir / "run_config.json").read_text())["run"]["data"]["do_lower_case"] is True
    (place.model_dir / "meta_data.json").write_text(json.dumps(meta))
    # They are what records that say so are.
    meta_path.write_text(json.dumps(meta | {"strip_accents": True}))
    assert place.run("--num_train_epochs=1") == 0
    assert place.run("--mode=predict", "--strip_accents") == 0
    capsys.readouterr()
    assert place.run("--mode=predict", "--nostrip_accents") == 2
    assert "--strip_accents=False, but the records were made with True" in capsys.readouterr().err
    meta_path.write_text(json.dumps(meta | {"strip_accents": False}))
    # Training is refused by the metadata that the run keeps, prediction by the run's facts.
    for flag, message in (
        ("--mode=train", "meta_data.json is not this training's"),
        ("--mode=predict", '"strip_accents": false'),
    ):
        assert place.run("--num_train_epochs=1", flag) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
