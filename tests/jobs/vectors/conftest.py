"""A tiny encoder and a file of texts for every test of vectors."""

import pathlib

import pytest
from vector_material import TEXTS, Model, make_model


@pytest.fixture(scope="session")
def model(tmp_path_factory, tiny_vocabulary) -> Model:
    return make_model(tmp_path_factory.mktemp("vectors"), tiny_vocabulary)


@pytest.fixture
def texts_file(tmp_path) -> pathlib.Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path
