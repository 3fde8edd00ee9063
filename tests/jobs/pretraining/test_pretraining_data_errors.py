"""What cannot be used is said in one line, with exit code 2 (1 for a job that failed), and leaves nothing half-written."""

import json
import os
import pathlib
import resource
import sys

import pretraining_material as material
import pytest


@pytest.fixture
def out(tmp_path) -> pathlib.Path:
    return tmp_path / "out"


def refused(argv: list[str], capsys, code: int = 2) -> str:
    """Runs a command that is refused; returns its only line."""
    capsys.readouterr()
    assert material.run(argv) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR")]
    assert len(lines) == 1
    return lines[0]


def files_in(directory: pathlib.Path) -> list[str]:
    return sorted(os.listdir(directory)) if directory.exists() else []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"input_file": None}, "--input_file is required"),
        ({"output_file": None}, "--output_file is required"),
        ({"vocab_file": None}, "--vocab_file is required"),
        ({"dupe_factor": 0}, "--dupe_factor must be at least 1; got 0"),
        ({"max_seq_length": 4}, "--max_seq_length must be at least 5; got 4"),
        ({"masked_lm_prob": 1.5}, "--masked_lm_prob must be between 0 and 1; got 1.5"),
        ({"masked_lm_prob": 0}, "--masked_lm_prob must be greater than 0"),
        ({"masked_lm_prob": "nan"}, "--masked_lm_prob must be between 0 and 1; got nan"),
        ({"short_seq_prob": -0.1}, "--short_seq_prob must be between 0 and 1"),
        ({"max_predictions_per_seq": 0}, "--max_predictions_per_seq must be at least 1"),
        ({"num_shards": 0}, "--num_shards must be at least 1"),
        ({"num_workers": -1}, "--num_workers must be at least 0"),
        ({"max_ngram_size": 3}, "--max_ngram_size needs --do_whole_word_mask"),
        ({"word_segmenter": "jieba"}, "--word_segmenter needs --do_whole_word_mask"),
        (
            {"max_ngram_size": 3, "do_whole_word_mask": True, "dynamic_masking": True},
            "--max_ngram_size cannot be used with --dynamic_masking",
        ),
        ({"sentence_pairs": "nps"}, "--sentence_pairs must be one of nsp, sop, none; got 'nps'. Did you mean 'nsp'?"),
        ({"text_field": "body"}, "--text_field belongs to --input_format=jsonl"),
        ({"text_field": "body", "input_format": "paragraphs"}, "--text_field belongs to --input_format=jsonl"),
        ({"on_bad_row": "skip"}, "--on_bad_row belongs to --input_format=jsonl"),
        ({"sp_model_file": "x.model"}, "--sp_model_file belongs to --tokenization=SentencePiece"),
        ({"tokenization": "SentencePiece"}, "--sp_model_file is required"),
        ({"pipeline_options": "--x=1"}, "--pipeline_options belongs to --runner"),
        ({"runner": "local", "num_workers": 2}, "--num_workers is for local workers"),
        ({"output_file": "a,b", "num_shards": 2}, "--num_shards cannot be given beside a list of files"),
        ({"output_file": "a*b*.tfrecord"}, "may hold one \\*"),
        ({"output_file": "x*/a.tfrecord"}, "may hold one \\*"),
        ({"output_file": "a,a", "num_shards": None}, "names a file twice"),
        ({"output_file": "a/x,b/x", "num_shards": None}, "two files of one name in different directories"),
        ({"output_file": ","}, "names no file"),
        ({"no_such_flag": 1}, "no_such_flag"),
    ],
    ids=str,
)
def test_flags_that_cannot_be_used(tmp_path, tiny_vocab_file, out, capsys, flags, message):
    text = material.write_text(tmp_path / "text.txt", 20)
    error = refused(material.arguments(text, tiny_vocab_file, out, **flags), capsys)
    assert __import__("re").search(message, error), error
    assert files_in(out) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "no text in .*: the files are empty or hold white space only"),
        (b" \n\n\t\n\xe3\x80\x80\n\n", "no text in"),
        (b"fine\n\nb\xe9d\n", r"text.txt:3: byte 2 \(0xE9\) is not UTF-8"),
        (bytes(range(256)) * 10, r"text.txt:\d+: "),
        (b"a\n\nb\0\n", "text.txt:3: NUL byte at byte 2"),
        (b"one line.\nanother.\n", r"only one document in .* \(no blank line, .*--sentence_pairs=sop or --sentence_pairs=none"),
        (b"a b.\n\n\xe2\x80\x8e\n", "only one document with any token is left"),
        ("\u200e\n\n\u200e\n".encode(), "gave no records"),
    ],
    ids=repr,
)
def test_text_that_cannot_be_used(tmp_path, tiny_vocab_file, out, capsys, content, message):
    text = tmp_path / "text.txt"
    if content is not None:
        text.write_bytes(content)
    error = refused(material.arguments(str(text), tiny_vocab_file, out, num_shards=1), capsys)
    assert __import__("re").search(message, error), error
    assert files_in(out) == []


def test_lines_that_are_no_sentences_are_told(tmp_path, tiny_vocab_file, out, capsys):
    # Documents of a single long line, as in many corpora: nothing follows on anything, and most of it finds no room.
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(["the movie was very good " * 100] * 6), encoding="utf-8")
    assert material.run(material.arguments(str(text), tiny_vocab_file, out, num_shards=1)) == 0
    said = capsys.readouterr().err
    assert "96% of the tokens found no room in records of 48" in said
    assert "--input_format=paragraphs" in said
    assert "every second segment is a random one" in said


def test_inputs_that_are_no_files(tmp_path, tiny_vocab_file, out, capsys):
    assert "no file matches" in refused(material.arguments(str(tmp_path / "x*.txt"), tiny_vocab_file, out), capsys)
    assert "it is a directory" in refused(material.arguments(str(tmp_path), tiny_vocab_file, out), capsys)
    text = material.write_text(tmp_path / "text.txt", 20)
    assert "no such file" in refused(material.arguments(f"{text},{tmp_path / 'b'}", tiny_vocab_file, out), capsys)


def test_wrong_json_is_named_with_its_line(tmp_path, tiny_vocab_file, out, capsys):
    (tmp_path / "a.jsonl").write_text('{"text": "A b. C d."}\n{"body": "e"}\n', encoding="utf-8")
    argv = material.arguments(str(tmp_path / "a.jsonl"), tiny_vocab_file, out, input_format="jsonl")
    assert "a.jsonl:2: no key 'text' (found: body)" in refused(argv, capsys)


JSON_LINES = "".join(f'{{"text": "the movie {i} was good . it was very old ."}}\n' for i in range(30))


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.json", "corpus"])
def test_json_lines_are_recognised(tmp_path, tiny_vocab_file, name):
    # Braces and keys must never be trained on.
    found = []
    for kind, given in ((name, None), ("b.jsonl", "jsonl")):
        (tmp_path / kind).write_text(JSON_LINES, encoding="utf-8")
        argv = material.arguments(
            str(tmp_path / kind), tiny_vocab_file, tmp_path / f"out{given}", num_shards=1, input_format=given
        )
        assert material.run(argv) == 0
        found.append((tmp_path / f"out{given}" / "train-00000-of-00001.tfrecord").read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("content", "name", "flags", "message"),
    [
        (JSON_LINES, "a.txt", {"input_format": "sentences"}, "a JSON object on each line, but --input_format=sentences; pass"),
        (JSON_LINES, "a.txt", {"input_format": "paragraphs"}, "--input_format=paragraphs; pass --input_format=jsonl"),
        (
            '[{"text": "a"}]\n',
            "a.json",
            {},
            "an object on each line, made by: python -c ",
        ),
        ('{\n"text": "a"\n}\n', "a.json", {}, "a.json holds one JSON object over several lines"),
        ("A sentence.\n", "a.json", {}, "by its name a table or JSON"),
        ("text\tlabel\na\tb\n", "a.tsv", {}, "by its name a table or JSON"),
        ("A sentence.\n", "a.jsonl", {}, "a.jsonl:1: not JSON: "),
        ("PAR1", "a.parquet", {}, "a.parquet holds Parquet"),
        ("version https://git-lfs.github.com/spec/v1\n", "a.txt", {}, "is a Git LFS pointer"),
    ],
)
def test_content_that_is_not_what_name_or_flag_says(tmp_path, tiny_vocab_file, out, capsys, content, name, flags, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    error = refused(material.arguments(str(tmp_path / name), tiny_vocab_file, out, **flags), capsys)
    assert message in error
    assert files_in(out) == []


def test_files_of_different_formats_are_refused(tmp_path, tiny_vocab_file, out, capsys):
    (tmp_path / "a.txt").write_text(JSON_LINES, encoding="utf-8")
    (tmp_path / "b.txt").write_text("A sentence.\n", encoding="utf-8")
    error = refused(material.arguments(f"{tmp_path}/a.txt,{tmp_path}/b.txt", tiny_vocab_file, out), capsys)
    assert f"{tmp_path}/a.txt holds a JSON object on each line and {tmp_path}/b.txt plain text" in error


def test_lines_without_text_can_be_left_out_and_are_listed(tmp_path, tiny_vocab_file, out, capsys):
    lines = JSON_LINES.splitlines()
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:3], '{"txt": 1}', *lines[3:], "{"]) + "\n", encoding="utf-8")
    argv = material.arguments(str(tmp_path / "a.jsonl"), tiny_vocab_file, out, num_shards=1)
    error = refused(argv, capsys)
    assert "a.jsonl:4: no key 'text'" in error
    assert "--on_bad_row=skip leaves such rows out" in error
    assert material.run([*argv, "--on_bad_row=skip"]) == 0
    printed = capsys.readouterr()
    assert f"2 rows were left out; the first: {tmp_path}/a.jsonl:4" in printed.err
    assert " records from 30 documents " in printed.out
    listed = [json.loads(line) for line in (out / "meta_data.json.rejects.jsonl").read_text().splitlines()]
    assert [(entry["line"], entry["row"]) for entry in listed] == [(4, '{"txt": 1}'), (32, "{")]


@pytest.mark.parametrize("pairs", ["sop", "none"])
def test_one_document_will_do_without_random_pairs(tmp_path, tiny_vocab_file, out, pairs):
    (tmp_path / "a.txt").write_text("the movie was good .\n" * 100, encoding="utf-8")
    argv = material.arguments(str(tmp_path / "a.txt"), tiny_vocab_file, out, sentence_pairs=pairs, num_shards=None)
    assert material.run(argv) == 0
    assert files_in(out) == ["meta_data.json", "meta_data.vocab.txt", "train-00000-of-00001.tfrecord"]


def test_empty_documents_are_left_out_and_counted(tmp_path, tiny_vocab_file, out):
    text = material.write_text(tmp_path / "text.txt", 20)
    with open(text, "a", encoding="utf-8") as file:
        file.write("\n\n\u200e\n\n\u200d\u200d\n")
    done = material.start(material.arguments(text, tiny_vocab_file, out, num_shards=1))
    printed, errors = done.communicate()
    assert done.returncode == 0
    assert "2 documents without any token were left out" in errors
    assert "from 20 documents" in printed


def test_a_line_of_a_million_characters_is_cut_into_inputs(tmp_path, tiny_vocab_file, out):
    (tmp_path / "a.txt").write_text("movie " * 200_000 + "\n\nthe movie was good\n\n" + "x" * 1_000_000, encoding="utf-8")
    argv = material.arguments(str(tmp_path / "a.txt"), tiny_vocab_file, out, num_shards=1, sentence_pairs="none")
    assert material.run(argv) == 0


@pytest.mark.parametrize("missing", ["[MASK]", "[CLS]", "[SEP]", "[UNK]"])
def test_a_vocabulary_without_special_tokens(tmp_path, tiny_vocab_file, out, capsys, missing):
    text = material.write_text(tmp_path / "text.txt", 20)
    vocabulary = pathlib.Path(tiny_vocab_file)
    vocabulary.write_text(vocabulary.read_text(encoding="utf-8").replace(missing + "\n", ""), encoding="utf-8")
    error = refused(material.arguments(text, tiny_vocab_file, out), capsys)
    assert f"vocab.txt lacks {missing}" in error
    assert files_in(out) == []


def test_too_many_shards(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 5)
    error = refused(material.arguments(text, tiny_vocab_file, out, num_shards=3), capsys)
    assert "3 shards are too many for 5 documents: every shard needs 2; give at most 2" in error


def test_outputs_that_are_inputs(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 20)
    before = pathlib.Path(text).read_bytes()
    for flags, flag in (
        ({"output_file": text, "num_shards": None}, "--input_file"),
        ({"output_file": tiny_vocab_file, "num_shards": 1}, "--vocab_file"),
        ({"meta_data_file_path": text}, "--input_file"),
    ):
        error = refused(material.arguments(text, tiny_vocab_file, out, **flags), capsys)
        assert f"would overwrite {flag}" in error
    same = material.arguments(text, tiny_vocab_file, out, output_file=out / "x", meta_data_file_path=out / "x", num_shards=1)
    assert "is also an --output_file" in refused(same, capsys)
    assert pathlib.Path(text).read_bytes() == before


def test_an_output_that_is_a_directory(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 20)
    out.mkdir()
    assert "is a directory" in refused(material.arguments(text, tiny_vocab_file, out, output_file=out), capsys)
    error = refused(material.arguments(text, tiny_vocab_file, out, output_file=f"{tmp_path}/new/"), capsys)
    assert "is a directory; name a file in it" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 20)
    out.mkdir(mode=0o500)
    assert "is not writable" in refused(material.arguments(text, tiny_vocab_file, out), capsys)


def test_a_directory_that_cannot_be_made(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 20)
    out.write_text("a file")
    assert "cannot create the directory" in refused(material.arguments(text, tiny_vocab_file, out), capsys)


def test_shards_of_another_run_are_left_alone(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 40)
    assert material.run(material.arguments(text, tiny_vocab_file, out)) == 0
    before = material.contents(out)
    error = refused(material.arguments(text, tiny_vocab_file, out, max_seq_length=64, dupe_factor=3), capsys)
    assert "belongs to another run (max_seq_length 48 there, 64 here; dupe_factor 2 there, 3 here)" in error
    assert "num_shards 7 there, 5 here" in refused(material.arguments(text, tiny_vocab_file, out, num_shards=5), capsys)
    other_text = material.write_text(tmp_path / "other.txt", 40, seed=1)
    assert "another run (another text)" in refused(material.arguments(other_text, tiny_vocab_file, out), capsys)
    assert material.contents(out) == before
    # Without the metadata the shards are still in the way: nobody knows what they are.
    (out / "meta_data.json").unlink()
    error = refused(material.arguments(text, tiny_vocab_file, out, max_seq_length=64), capsys)
    assert "is there and is not of this run; remove it or choose another --output_file" in error
    error = refused(material.arguments(text, tiny_vocab_file, out, num_shards=5), capsys)
    assert "belongs to a run with another number of shards" in error


def test_a_text_that_changed_after_a_kill_is_noticed(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 40)
    argv = material.arguments(text, tiny_vocab_file, out)
    assert material.run(argv) == 0
    assert material.run(material.arguments(text, tiny_vocab_file, tmp_path / "again")) == 0
    interrupt(out)
    assert material.run(argv) == 0
    interrupt(out)
    material.write_text(tmp_path / "text.txt", 41)
    assert "another run (another text)" in refused(argv, capsys)


def interrupt(out: pathlib.Path) -> None:
    """Makes of a finished run one that was killed before its metadata, with one shard missing."""
    import json

    path = out / "meta_data.json"
    meta_data = json.loads(path.read_text(encoding="utf-8"))
    run = meta_data["pretraining_run"]
    for index, shard in enumerate(meta_data["shards"][1:], 1):
        result = {"file": shard, "text": run["text"], "instances": run["instances"]}
        progress = {"run": run["settings"], "shard": index, "result": result}
        (out / (shard["name"] + ".progress.json")).write_text(json.dumps(progress), encoding="utf-8")
    (out / meta_data["shards"][0]["name"]).unlink()
    path.unlink()


def test_metadata_of_something_else_are_left_alone(tmp_path, tiny_vocab_file, out, capsys):
    text = material.write_text(tmp_path / "text.txt", 40)
    out.mkdir()
    (out / "meta_data.json").write_text('{"task_type": "bert_squad", "max_seq_length": 9, "train_data_size": 1}')
    error = refused(material.arguments(text, tiny_vocab_file, out), capsys)
    assert "meta_data.json belongs to other data" in error


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_leaves_whole_shards_and_the_run_goes_on(tmp_path, tiny_vocab_file, out, workers):
    text = material.write_text(tmp_path / "text.txt", 600)
    # The shards grow with their number: the first are below the limit, the last are not.
    argv = material.arguments(text, tiny_vocab_file, out, num_workers=workers, num_shards=6)
    assert material.run(material.arguments(text, tiny_vocab_file, tmp_path / "whole", num_shards=6)) == 0
    expected = material.contents(tmp_path / "whole")
    sizes = sorted(len(content) for name, content in expected.items() if name.startswith("train"))
    limit = (sizes[1] + sizes[2]) // 2

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    done = material.start(argv, preexec_fn=limited)
    _, errors = done.communicate()
    assert done.returncode == 1
    (line,) = [line for line in errors.splitlines() if line.startswith("ERROR")]
    assert "File too large" in line
    assert "of 6 shards are whole, the same command makes the others" in line
    assert not (out / "meta_data.json").exists()
    for path in out.glob("train-*.tfrecord"):
        assert path.read_bytes() == expected[path.name]
    assert not list(out.glob("*.incomplete-*"))
    assert material.run(argv) == 0
    assert material.contents(out) == expected


def test_what_is_not_installed_is_named(tmp_path, tiny_vocab_file, out, capsys, monkeypatch):
    text = material.write_text(tmp_path / "text.txt", 20)
    monkeypatch.setitem(sys.modules, "jieba", None)
    argv = material.arguments(text, tiny_vocab_file, out, do_whole_word_mask=True, word_segmenter="jieba")
    assert "pip install 'bert_tf2[zh]'" in refused(argv, capsys)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert "pip install 'bert_tf2[beam]'" in refused(material.arguments(text, tiny_vocab_file, out, runner="local"), capsys)
    assert files_in(out) == []
