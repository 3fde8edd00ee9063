"""Speeds are measured once, not for seconds."""

import pytest


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    from bert_tf2.jobs.trained import running

    monkeypatch.setattr(running, "_SECONDS", 0.0)
    monkeypatch.setattr(running, "_FEWEST", 1)
