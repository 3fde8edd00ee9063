"""Speeds are measured once, not for seconds."""

import pytest


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    from bert_tf2.jobs.export import comparison

    monkeypatch.setattr(comparison, "_SECONDS", 0.0)
    monkeypatch.setattr(comparison, "_FEWEST", 1)
