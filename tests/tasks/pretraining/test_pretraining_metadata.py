"""The settings of pre-training records on their way through meta_data.json."""

import dataclasses

import pytest

from bert_tf2.data.records.metadata import PRETRAINING, SQUAD, MetaData, read_meta_data, write_meta_data
from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining.metadata import PretrainingSettings, from_meta_data

SETTINGS = PretrainingSettings(
    20, 0.15, documents=7, masked_fraction=0.151, next_sentence_fraction=0.5, mean_tokens=100.5, mask_id=103
)


def meta_data_of(settings: PretrainingSettings) -> MetaData:
    return MetaData(PRETRAINING, 128, {"train": 3}, extra=settings.to_extra())


@pytest.mark.parametrize("settings", [SETTINGS, dataclasses.replace(SETTINGS, dynamic_masking=True, masked_fraction=None)])
def test_settings_come_back_from_the_file(tmp_path, settings):
    path = str(tmp_path / "meta_data.json")
    write_meta_data(path, meta_data_of(settings))
    assert from_meta_data(read_meta_data(path)) == settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_predictions_per_seq": "20"}, "'pretraining.max_predictions_per_seq' must be of type int; got '20'"),
        ({"max_predictions_per_seq": True}, "must be of type int; got True"),
        ({"masked_fraction": "much"}, "'pretraining.masked_fraction' must be of type float; got 'much'"),
        ({"sentence_pairs": "some"}, "must be one of nsp, sop, none; got 'some'"),
        ({"dupe_factor": -1}, "'pretraining.dupe_factor' must be 0 or greater; got -1"),
    ],
)
def test_wrong_values_are_named(changes, message):
    meta_data = meta_data_of(SETTINGS)
    meta_data.extra["pretraining"].update(changes)
    with pytest.raises(UserError) as error:
        from_meta_data(meta_data)
    assert message in str(error.value)


def test_a_missing_setting_is_named():
    meta_data = meta_data_of(SETTINGS)
    del meta_data.extra["pretraining"]["dynamic_masking"]
    with pytest.raises(UserError, match=r"'pretraining.dynamic_masking' is missing; make the records again"):
        from_meta_data(meta_data)


def test_records_of_another_task_are_refused():
    with pytest.raises(UserError, match="records of bert_squad, not of bert_pretraining"):
        from_meta_data(MetaData(SQUAD, 128, {"train": 3}))
    with pytest.raises(UserError, match="the key 'pretraining' is missing"):
        from_meta_data(MetaData(PRETRAINING, 128, {"train": 3}))
