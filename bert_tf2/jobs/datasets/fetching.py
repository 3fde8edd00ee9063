"""Fetching files whose digests are known: gone on with where it stopped, and kept only when they are what they should be."""

import http.client
import os
import posixpath
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import JobError
from bert_tf2.jobs.datasets.dataset import Download
from bert_tf2.progress import Progress

_BLOCK = 1 << 16
_SECONDS = 60


class _OnlySafely(urllib.request.HTTPRedirectHandler):
    """Follows no redirection from a safe address to one that is not."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        if req.type == "https" and not newurl.lower().startswith("https://"):
            raise urllib.error.URLError(f"it sends on to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(download: Download, folder: str) -> str:
    """Fetches a file, unless it lies there whole.

    What was fetched of it before is kept, and gone on with where the site allows that.

    Args:
      download: what to fetch.
      folder: where to.

    Returns:
      The path.

    Raises:
      JobError: the site cannot be reached, or what it gives is something else; the latter is removed.
    """
    name = posixpath.basename(urllib.parse.unquote(urllib.parse.urlsplit(download.address).path))
    path = os.path.join(folder, name)
    if os.path.isfile(path) and files.sha256_of_file(path) == download.sha256:
        return path
    files.make_directory(folder)
    # Under the same name every time, to be gone on with.
    part = f"{path}{files.INCOMPLETE}download"
    try:
        _read_on(download, part)
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        raise JobError(
            f"cannot fetch {download.address}: {reason[:200]}; run the same command again to go on, or fetch it by hand and give "
            "it to --mode=prepare --source"
        ) from None
    if (size := os.path.getsize(part)) != download.size or files.sha256_of_file(part) != download.sha256:
        os.remove(part)
        raise JobError(
            f"{download.address} gave {size:,} bytes that are not the file it is known for ({download.size:,} bytes, SHA-256 "
            f"{download.sha256[:12]}…); it was removed: fetch it by hand and give it to --mode=prepare --source"
        )
    files.rename_whole(part, path)
    return path


def _read_on(download: Download, part: str) -> None:
    """Reads what is not there yet."""
    there = os.path.getsize(part) if os.path.isfile(part) else 0
    if there >= download.size:
        # Whole, or something else.
        if there > download.size:
            os.remove(part)
            there = 0
        else:
            return
    request = urllib.request.Request(download.address, headers={"Range": f"bytes={there}-"} if there else {})
    opener = urllib.request.build_opener(_OnlySafely())
    with opener.open(request, timeout=_SECONDS) as answer:
        # A site that knows no ranges begins again.
        goes_on = there > 0 and answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
        there = there if goes_on else 0
        with (
            open(part, "ab" if goes_on else "wb") as file,
            Progress(f"fetching {part}", download.size, "bytes", done=there) as told,
        ):
            while block := answer.read(_BLOCK):
                file.write(block)
                told.advance(len(block))
                there += len(block)
                if there > download.size:
                    break
    if there < download.size:
        raise OSError(f"the connection ended after {there:,} of {download.size:,} bytes")
