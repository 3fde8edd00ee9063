"""Fetching from a server of this machine: whole, gone on with, cut off, and something else than was asked for."""

import hashlib
import http.server
import threading
import typing
import urllib.error
import urllib.request

import pytest

from bert_tf2 import cli
from bert_tf2.errors import JobError
from bert_tf2.jobs.datasets import fetching
from bert_tf2.jobs.datasets.dataset import Download
from bert_tf2.jobs.datasets.fetching import fetch
from bert_tf2.jobs.datasets.job import datasets
from bert_tf2.jobs.datasets.options import DatasetsOptions
from bert_tf2.jobs.datasets.table import DATASETS

CONTENT = bytes(range(256)) * 1000


class _Site(http.server.BaseHTTPRequestHandler):
    """Knows ranges, unless the path says `plain`; `short` ends early."""

    asked: typing.ClassVar[list] = []

    def do_GET(self):
        begin = self.headers.get("Range")
        self.asked.append((self.path, begin))
        start = int(begin.removeprefix("bytes=").rstrip("-")) if begin and "plain" not in self.path else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(CONTENT[start : start + 100_000] if "short" in self.path else CONTENT[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(_Site, "asked", [])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def offered(address):
    return Download(address, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_a_file_is_fetched_once(site, tmp_path):
    path = fetch(offered(f"{site}/o/data%2Ffile.zip?alt=media"), str(tmp_path))
    assert path == str(tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    fetch(offered(f"{site}/file.zip"), str(tmp_path))
    assert len(_Site.asked) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["file.zip"]


def test_what_was_cut_off_is_gone_on_with(site, tmp_path):
    one = offered(f"{site}/short.zip")
    for done in (100_000, 200_000):
        with pytest.raises(JobError, match=f"ended after {done:,} of 256,000 bytes; run the same command again"):
            fetch(one, str(tmp_path))
    fetch(one, str(tmp_path))
    assert (tmp_path / "short.zip").read_bytes() == CONTENT
    assert [begin for _, begin in _Site.asked] == [None, "bytes=100000-", "bytes=200000-"]


def test_a_site_that_knows_no_ranges_begins_again(site, tmp_path):
    (tmp_path / "plain.zip.incomplete-download").write_bytes(b"other")
    fetch(offered(f"{site}/plain.zip"), str(tmp_path))
    assert (tmp_path / "plain.zip").read_bytes() == CONTENT


def test_something_else_is_not_kept(site, tmp_path):
    (tmp_path / "file.zip.incomplete-download").write_bytes(b"other")
    with pytest.raises(JobError, match="are not the file it is known for"):
        fetch(offered(f"{site}/file.zip"), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_addresses_are_safe_and_stay_so():
    assert all(one.address.startswith("https://") for dataset in DATASETS for one in dataset.downloads)
    request = urllib.request.Request("https://example.org/a")
    with pytest.raises(urllib.error.URLError, match="not https"):
        fetching._OnlySafely().redirect_request(request, None, 302, "", {}, "http://example.org/a")


def test_the_command_fetches_nothing_that_it_cannot_check(tmp_path, capsys):
    flags = ["datasets", "--mode=download", f"--output_dir={tmp_path}", "--dataset=SWAG"]
    assert cli.run(datasets, DatasetsOptions, "", flags) == 2
    assert "SWAG: no digest of its files is known, so that nothing is fetched; get it from https" in capsys.readouterr().err


def test_the_command_goes_on_with_what_was_fetched(tmp_path, capsys, real_data):
    """Without a network: the files lie there from an earlier run."""
    folder = tmp_path / "downloads" / "GoEmotions"
    folder.mkdir(parents=True)
    for name in ("train.tsv", "dev.tsv", "test.tsv"):
        (folder / name).write_bytes((real_data / "multilabel/GoEmotions" / name).read_bytes())
    flags = ["datasets", "--mode=download", f"--output_dir={tmp_path}", "--dataset=GoEmotions"]
    assert cli.run(datasets, DatasetsOptions, "", flags) == 0
    assert "GoEmotions: written" in capsys.readouterr().out
