"""Which text goes into which shard, and what the shards are called."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining.documents import Block, Scanned, TextFormat
from bert_tf2.tasks.pretraining.shard_plan import OutputNames, deal, scan_all, usual_number_of_shards


@pytest.mark.parametrize(
    ("text_bytes", "shards"),
    [(0, 1), (1000, 1), (200_000, 3), (5_354_358, 16), (256 << 20, 16), ((256 << 20) + 1, 17), (1 << 40, 65536)],
)
def test_the_usual_number_of_shards(text_bytes, shards):
    assert usual_number_of_shards(text_bytes) == shards


def test_names(tmp_path):
    pattern = OutputNames(f"{tmp_path}/a-*.tfrecord", None)
    assert pattern.given_number is None
    assert pattern.paths(2) == [f"{tmp_path}/a-00000-of-00002.tfrecord", f"{tmp_path}/a-00001-of-00002.tfrecord"]
    plain = OutputNames(f"{tmp_path}/a.tfrecord", None)
    assert (plain.given_number, plain.paths(1)) == (1, [f"{tmp_path}/a.tfrecord"])
    numbered = OutputNames(f"{tmp_path}/a.tfrecord", 3)
    assert numbered.paths(3)[2] == f"{tmp_path}/a-00002-of-00003.tfrecord"
    listed = OutputNames(f"{tmp_path}/a, {tmp_path}/b/c", None)
    assert (listed.given_number, listed.paths(2)) == (2, [f"{tmp_path}/a", f"{tmp_path}/b/c"])
    assert listed.directories == [str(tmp_path), f"{tmp_path}/b"]


def test_other_numbers_of_shards_are_found(tmp_path):
    for name in (
        "a-00000-of-00002.tfrecord",
        "a-00000-of-00003.tfrecord",
        "a-00001-of-00003.tfrecord.progress.json",
        "a-b-00000-of-00003.tfrecord",
        "a-00000-of-00003.txt",
    ):
        (tmp_path / name).touch()
    found = OutputNames(f"{tmp_path}/a-*.tfrecord", None).others(2)
    assert found == [f"{tmp_path}/a-00000-of-00003.tfrecord", f"{tmp_path}/a-00001-of-00003.tfrecord.progress.json"]


def test_wrong_names_are_refused(tmp_path):
    for name, shards in (
        (str(tmp_path), None),
        ("a*b*", None),
        ("a*,b", None),
        ("x*/a", None),
        ("a,a", None),
        ("a,b", 2),
        ("", None),
    ):
        with pytest.raises(UserError):
            OutputNames(name, shards)


def blocks(number: int, size: int = 100) -> list[Scanned]:
    return [Scanned([Block("a", i * size, (i + 1) * size, 1) for i in range(number)])]


@pytest.mark.parametrize(("number", "shards"), [(100, 7), (14, 7), (7, 7), (1, 1)])
def test_every_block_is_dealt_once_and_evenly(number, shards):
    dealt = deal(blocks(number), shards, 5)
    assert len(dealt) == shards
    flat = [block for parts in dealt for part in parts for block in part]
    assert sorted(block.start for block in flat) == [i * 100 for i in range(number)]
    sizes = [sum(len(part) for part in parts) for parts in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert deal(blocks(number), shards, 5) == dealt
    if number > 2:
        assert deal(blocks(number), shards, 6) != dealt


def test_large_shards_have_parts(monkeypatch):
    monkeypatch.setattr("bert_tf2.tasks.pretraining.shard_plan._PART_BYTES", 1000)
    dealt = deal(blocks(100), 2, 5)
    assert [len(parts) for parts in dealt] == [5, 5]
    assert all(len(part) == 10 for parts in dealt for part in parts)


def test_few_long_documents_still_give_every_shard_what_it_needs(tmp_path):
    paths = []
    for name in "abcd":
        (tmp_path / name).write_text("A sentence.\n" * 100 + "\n" + "Short.\n\n" * 3)
        paths.append(str(tmp_path / name))
    scanned = scan_all(paths, TextFormat(), 8, 2)
    assert sum(len(file.blocks) for file in scanned) == 16
    alone = scan_all(paths, TextFormat(), 1, 2)
    assert sum(file.documents for file in alone) == 16
