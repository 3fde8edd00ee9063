"""An index of texts: made, asked, added to, and refused where it is not what it should be."""

import io
import json
import os
import resource
import shutil

import numpy as np
import pytest
from vector_material import Model, make_model

from bert_tf2 import cli
from bert_tf2.api import TextEncoder, TextIndex, Whitening
from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.search import index_files
from bert_tf2.jobs.search.job import search
from bert_tf2.jobs.search.options import SearchOptions
from bert_tf2.jobs.vectors.journal import Journal

faiss = pytest.importorskip("faiss", reason="needs faiss-cpu: pip install 'bert_tf2[search]'")

WORDS = ["the", "movie", "was", "very", "good", "bad", "a", "!"]


def texts(count: int, seed: int) -> list[str]:
    """Texts that differ."""
    rng = np.random.default_rng(seed)
    return [f"{' '.join(rng.choice(WORDS, rng.integers(2, 8)))} {number} {seed}" for number in range(count)]


FIRST, FURTHER, QUERIES = texts(60, 1), texts(25, 2), texts(5, 3)


def run(*flags: str) -> int:
    return cli.run(search, SearchOptions, "", ["search", *flags])


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_vocabulary) -> Model:
    return make_model(tmp_path_factory.mktemp("model"), tiny_vocabulary)


@pytest.fixture
def index(model, tmp_path):
    (tmp_path / "first.tsv").write_text("name\ttext\n" + "".join(f"n{row}\t{text}\n" for row, text in enumerate(FIRST)))
    flags = [f"--init_checkpoint={model.folder}", f"--input_file={tmp_path}/first.tsv", "--id_column=name"]
    assert run("--mode=index", *flags, f"--index_dir={tmp_path}/index") == 0
    return tmp_path / "index"


def nearest(model, query: str, among: list[str], count: int) -> list[tuple[int, float]]:
    """Places and cosines, by NumPy."""
    encoder = TextEncoder.from_checkpoint(str(model.folder), normalize=True)
    scores = encoder.encode(among) @ encoder.encode(query)
    return [(int(place), float(scores[place])) for place in np.argsort(-scores, kind="stable")[:count]]


def test_an_exact_index_finds_the_nearest(model, index, tmp_path, capsys):
    found = TextIndex.load(str(index)).search(QUERIES[0], top_k=7)
    expected = nearest(model, QUERIES[0], FIRST, 7)
    np.testing.assert_allclose([hit.score for hit in found], [score for _, score in expected], atol=1e-5)
    assert [(hit.id, hit.text) for hit in found[:3]] == [(f"n{place}", FIRST[place]) for place, _ in expected[:3]]
    capsys.readouterr()
    assert run("--mode=query", f"--index_dir={index}", f"--text={QUERIES[0]}", "--top_k=2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ", 2) == [f"{expected[0][1]:.4f}", f"n{expected[0][0]}", FIRST[expected[0][0]]]
    # Itself is the nearest, and no more are found than there are.
    everything = TextIndex.load(str(index)).search(FIRST[5], top_k=1000)
    assert (everything[0].text, len(everything)) == (FIRST[5], len(FIRST))
    assert everything[0].score == pytest.approx(1, abs=1e-5)


def test_many_queries_from_a_file_and_a_stream(index, tmp_path, capsys):
    path = tmp_path / "queries.jsonl"
    path.write_text("".join(json.dumps({"id": row, "text": text}) + "\n" for row, text in enumerate(QUERIES)))
    flags = ["--mode=query", f"--index_dir={index}", "--top_k=3", "--batch_size=2"]
    assert run(*flags, f"--input_file={path}", f"--output_file={tmp_path}/hits.jsonl") == 0
    rows = [json.loads(line) for line in (tmp_path / "hits.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(len(QUERIES)))
    loaded = TextIndex.load(str(index))
    for row, query in zip(rows, QUERIES):
        assert [hit["id"] for hit in row["hits"]] == [hit.id for hit in loaded.search(query, top_k=3)]
    capsys.readouterr()
    assert search(SearchOptions(mode="query", index_dir=str(index), top_k=1), io.StringIO("good\nbad\n")) == 2
    assert len([line for line in capsys.readouterr().out.splitlines() if line]) == 2


def test_what_is_added_is_found_beside_the_rest(model, index, tmp_path):
    (tmp_path / "further.txt").write_text("".join(f"{text}\n" for text in FURTHER))
    assert run("--mode=add", f"--index_dir={index}", f"--input_file={tmp_path}/further.txt") == 0
    assert sorted(os.listdir(index)) == ["index.json", "texts-2.jsonl", "vectors-2.faiss"]
    found = TextIndex.load(str(index)).search(QUERIES[1], top_k=85)
    expected = nearest(model, QUERIES[1], FIRST + FURTHER, 85)
    np.testing.assert_allclose([hit.score for hit in found], [score for _, score in expected], atol=1e-5)
    ids = [f"n{row}" for row in range(60)] + list(range(60, 85))
    assert {(hit.id, hit.text) for hit in found} == set(zip(ids, FIRST + FURTHER))


def test_a_whitened_index_whitens_queries_and_refuses_another_whitening(model, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in FIRST))
    (tmp_path / "further.txt").write_text("".join(f"{text}\n" for text in FURTHER))
    for name, of in (("white", FIRST), ("other", FURTHER)):
        plain = TextEncoder.from_checkpoint(str(model.folder), pooling="max")
        Whitening.fit([plain.encode(of)], plain.identity).save(str(tmp_path / f"{name}.npz"))
    white, index = f"--whitening_file={tmp_path}/white.npz", tmp_path / "index"
    flags = [f"--init_checkpoint={model.folder}", "--pooling=max", f"--input_file={tmp_path}/texts.txt", white]
    assert run("--mode=index", *flags, "--dimension=5", f"--index_dir={index}") == 0
    os.rename(tmp_path / "white.npz", tmp_path / "moved.npz")
    assert run("--mode=add", f"--index_dir={index}", f"--input_file={tmp_path}/further.txt") == 0
    assert sorted(os.listdir(index)) == ["index.json", "texts-2.jsonl", "vectors-2.faiss", "whitening-1.npz"]
    whitening = Whitening.load(str(tmp_path / "moved.npz"))
    among, query = (whitening.applied(plain.encode(of), 5) for of in (FIRST + FURTHER, QUERIES[:1]))
    cosines = (among @ query[0]) / np.linalg.norm(among, axis=1) / np.linalg.norm(query)
    found = TextIndex.load(str(index), whitening_file=str(tmp_path / "moved.npz")).search(QUERIES[0], top_k=85)
    np.testing.assert_allclose([hit.score for hit in found], np.sort(cosines)[::-1], atol=1e-4)
    assert found[0].text == (FIRST + FURTHER)[int(cosines.argmax())]
    query = ["--mode=query", "--text=good", f"--whitening_file={tmp_path}/other.npz"]
    assert run(*query, f"--index_dir={index}") == 2
    assert "was made with another whitening" in capsys.readouterr().err
    (index / "whitening-1.npz").write_bytes((tmp_path / "other.npz").read_bytes())
    assert run(*query[:2], f"--index_dir={index}") == 2
    assert "is not the whitening that the index was made with" in capsys.readouterr().err


def test_a_disk_that_is_full_leaves_the_index(model, index, tmp_path, capsys):
    manifest, before = index_files.read_manifest(str(index)), sorted(os.listdir(index))
    rng, most = np.random.default_rng(1), resource.getrlimit(resource.RLIMIT_FSIZE)
    vectors = rng.normal(size=(100, manifest.dimension)).astype(np.float32)
    rows = [{"id": number, "text": "good " * (1 + number % 3)} for number in range(100)]
    size = (index / manifest.vectors_name).stat().st_size + vectors.nbytes

    def add(limit: int) -> None:
        vectors_before = index_files.read_vectors(str(index), manifest)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most[1]))
        try:
            index_files.write(str(index), manifest.after(100), vectors_before, vectors, rows)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, most)

    # While the header, the vectors, their last byte and the texts are written.
    for limit in (10, 5000, size - 1):
        with pytest.raises(JobError, match=r"cannot write .*vectors-2\.faiss: File too large"):
            add(limit)
        assert sorted(os.listdir(index)) == before
    rows *= 40
    with pytest.raises(JobError, match=r"cannot write .*texts-2\.jsonl: File too large"):
        add(size)
    assert len(TextIndex.load(str(index)).search("good", top_k=1000)) == 60
    # The command says it in a line, and goes on when there is place again.
    (tmp_path / "further.txt").write_text("".join(f"{text}\n" for text in FURTHER * 9))
    flags = ["--mode=add", f"--index_dir={index}", f"--input_file={tmp_path}/further.txt"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, most[1]))
    try:
        assert run(*flags) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert "cannot write" in capsys.readouterr().err
    assert run(*flags) == 0
    assert len(TextIndex.load(str(index)).search("good", top_k=1000)) == 60 + 9 * len(FURTHER)


def test_an_approximate_index_finds_nearly_all(model, tmp_path):
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts(400, 7)))
    recall = []
    for kind in ("exact", "approximate"):
        flags = [f"--init_checkpoint={model.folder}", f"--input_file={tmp_path}/texts.txt", f"--index_kind={kind}"]
        assert run("--mode=index", *flags, f"--index_dir={tmp_path}/{kind}") == 0
    exact, approximate = (TextIndex.load(str(tmp_path / kind)) for kind in ("exact", "approximate"))
    for wanted, found in zip(exact.found(QUERIES, 10), approximate.found(QUERIES, 10)):
        recall.append(len({hit.id for hit in wanted} & {hit.id for hit in found}) / 10)
    assert np.mean(recall) >= 0.9


def test_an_interrupted_command_leaves_the_index_and_goes_on(model, index, tmp_path, monkeypatch, capsys):
    (tmp_path / "further.txt").write_text("".join(f"{text}\n" for text in FURTHER * 3))
    flags = ["--mode=add", f"--index_dir={index}", f"--input_file={tmp_path}/further.txt", "--batch_size=1"]
    note, noted = Journal.note, []

    def interrupted(journal, *arguments):
        if noted:
            raise KeyboardInterrupt
        noted.append(arguments)
        note(journal, *arguments)

    monkeypatch.setattr(Journal, "note", interrupted)
    assert run(*flags) == 130
    assert len(TextIndex.load(str(index)).search("good", top_k=1000)) == 60
    monkeypatch.setattr(Journal, "note", note)
    assert run(*flags) == 0
    assert len(TextIndex.load(str(index)).search("good", top_k=1000)) == 60 + 75
    assert sorted(os.listdir(index)) == ["index.json", "texts-2.jsonl", "vectors-2.faiss"]


def test_a_moved_model_is_named_and_another_refused(model, index, tmp_path, tiny_vocabulary, capsys):
    moved = shutil.copytree(model.folder, tmp_path / "moved")
    manifest = json.loads((index / "index.json").read_text())
    (index / "index.json").write_text(json.dumps(manifest | {"model": {"path": str(tmp_path / "gone")}}))
    query = ["--mode=query", f"--index_dir={index}", "--text=good"]
    assert run(*query) == 2
    assert str(tmp_path / "gone") in capsys.readouterr().err
    assert run(*query, f"--init_checkpoint={moved}") == 0
    other = make_model(tmp_path / "other", tiny_vocabulary, seed=9)
    assert run(*query, f"--init_checkpoint={other.folder}") == 2
    assert "was made with another model" in capsys.readouterr().err
    (tmp_path / "more.txt").write_text("good\n")
    assert (
        run("--mode=add", f"--index_dir={index}", f"--input_file={tmp_path}/more.txt", f"--init_checkpoint={other.folder}") == 2
    )
    assert "was made with another model" in capsys.readouterr().err
    assert run(*query, f"--init_checkpoint={moved}", "--do_lower_case=False") == 2
    assert "was made in another way (do_lower_case" in capsys.readouterr().err


def test_a_damaged_index_is_told(model, index):
    texts_file, vectors = index / "texts-1.jsonl", index / "vectors-1.faiss"
    whole = texts_file.read_text(), vectors.read_bytes()
    texts_file.write_text(whole[0].partition("\n")[2])
    with pytest.raises(UserError, match="has 59 lines"):
        TextIndex.load(str(index))
    texts_file.unlink()
    with pytest.raises(UserError, match=r"cannot read .*texts-1"):
        TextIndex.load(str(index))
    vectors.write_bytes(whole[1][:100])
    with pytest.raises(UserError, match="cannot be read"):
        TextIndex.load(str(index))
    faiss.write_index(faiss.IndexFlatIP(3), str(vectors))
    # Of another dimension.
    with pytest.raises(UserError, match="has 0 vectors of 3"):
        TextIndex.load(str(index))
    (index / "index.json").write_text("{}")
    with pytest.raises(UserError, match="is not the manifest of an index"):
        TextIndex.load(str(index))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "2 flags are required here: --mode, index, add or query; --index_dir"),
        (["--mode=query"], "--index_dir is required"),
        (["--mode=query", "--index_dir={}/none", "--text=a"], "holds no index"),
        (["--mode=query", "--index_dir={}/none", "--text= "], "--text: empty text"),
        (["--mode=query", "--index_dir={}/none", "--pooling=max"], "--pooling is for --mode=index"),
        (["--mode=query", "--index_dir={}/none", "--dimension=2"], "--dimension is for --mode=index"),
        (
            ["--mode=index", "--index_dir={}/none", "--init_checkpoint=x", "--input_file={}/t.txt", "--dimension=2"],
            "give --whitening_file too",
        ),
        (["--mode=query", "--index_dir={}/none", "--vocab_file=x"], "--vocab_file belongs to --init_checkpoint"),
        (["--mode=index", "--index_dir={}/none", "--init_checkpoint=x"], "--input_file is required"),
        (["--mode=index", "--index_dir={}", "--init_checkpoint=x", "--input_file={}/t.txt"], "holds something else"),
        (["--mode=index", "--index_dir={}/none", "--init_checkpoint=x", "--input_file={}/e.txt"], "holds no texts"),
        (["--mode=index", "--index_dir={}/none", "--input_file={}/t.txt"], "--init_checkpoint (or --model_dir) is required"),
        (["--mode=index", "--index_dir={}/none", "--init_checkpoint=x", "--input_file={}/t.txt", "--top_k=3"], "--top_k is for"),
        (
            ["--mode=index", "--index_dir={}/none", "--init_checkpoint=x", "--input_file={}/t.txt", "--id_column=b"],
            "--id_column=b: ",
        ),
        (["--mode=add", "--index_dir={}/none", "--input_file={}/t.txt"], "holds no index"),
    ],
    ids=str,
)
def test_wrong_commands(tmp_path, capsys, flags, message):
    (tmp_path / "t.txt").write_text("good\n")
    (tmp_path / "e.txt").write_text("")
    assert run(*(flag.format(tmp_path) for flag in flags)) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert sorted(os.listdir(tmp_path)) == ["e.txt", "t.txt"]
