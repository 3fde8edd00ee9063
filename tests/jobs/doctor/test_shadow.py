"""A directory that is looked at through another one, and what a job says meanwhile."""

import logging
import os

from bert_tf2 import files
from bert_tf2.jobs.doctor.hearing import hearing
from bert_tf2.jobs.doctor.shadow import shadow_of


def test_what_is_written_is_written_aside(tmp_path):
    (tmp_path / "run_config.json").write_text("{}")
    (tmp_path / ".trainer.lock").write_text("")
    (tmp_path / "summaries").mkdir()
    with shadow_of(str(tmp_path)) as shadow:
        assert os.listdir(shadow) == ["run_config.json"]
        assert files.read_json(os.path.join(shadow, "run_config.json")) == {}
        files.write_json(os.path.join(shadow, "run_config.json"), {"changed": True})
        files.write_text(os.path.join(shadow, "new"), "new")
        files.remove_if_there(os.path.join(shadow, "new"))
    assert not os.path.exists(shadow)
    assert (tmp_path / "run_config.json").read_text() == "{}"
    assert sorted(os.listdir(tmp_path)) == [".trainer.lock", "run_config.json", "summaries"]


def test_a_directory_that_is_not_there_stays_so(tmp_path):
    for place in (str(tmp_path / "none"), "gs://bucket/none", None):
        with shadow_of(place) as shadow:
            assert os.listdir(shadow) == []
    assert not os.listdir(tmp_path)


def test_warnings_are_heard_and_progress_is_passed_on(caplog):
    logger, passed = logging.getLogger("bert_tf2"), []
    handler = logging.Handler()
    handler.emit = passed.append
    logger.addHandler(handler)
    try:
        with hearing() as heard:
            logging.getLogger("bert_tf2.jobs").warning("look %d", 1)
            logging.getLogger("bert_tf2.jobs").info("nothing")
            logging.getLogger("bert_tf2.progress").warning("on the way")
        logging.getLogger("bert_tf2.jobs").warning("afterwards")
    finally:
        logger.removeHandler(handler)
    assert heard == ["look 1"]
    assert [record.getMessage() for record in passed] == ["on the way", "afterwards"]
