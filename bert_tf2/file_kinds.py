"""What a file is by its first bytes: one table for every reader, so that a file of the wrong kind is called what it is.

Magic numbers: the formats' own specifications. A Git LFS pointer (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md) is
the small text file that a repository holds instead of a large one.
"""

import codecs
import dataclasses
import glob
import os
import re
import struct
import zipfile

from bert_tf2.crc32c import masked_crc32c
from bert_tf2.errors import UserError

_HEAD = 512
_SAFETENSORS_HEADER_LIMIT = 100_000_000


@dataclasses.dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
      title: what it is, with its article; completes "… is".
      cure: what to do instead of giving it; empty where that depends on what was asked for.
    """

    title: str
    cure: str = ""


LFS_POINTER = FileKind(
    "a Git LFS pointer, not the file itself", "fetch the real file with 'git lfs pull' in its repository, or download it again"
)
WEB_PAGE = FileKind("a web page (HTML)", "download the file itself, on GitHub by its button 'Raw'")
PICKLE = FileKind(
    "Python's pickle, which can run programs and is never opened",
    "save the model as model.safetensors (transformers: model.save_pretrained(folder)) and give that folder",
)
ZIP = FileKind("a ZIP archive", "unpack it and give what is in it")
TAR = FileKind("a tar archive", "unpack it and give what is in it")
GZIP = FileKind("a GZIP file", "unpack it (gunzip)")
HDF5 = FileKind("an HDF5 file of Keras", "give a TensorFlow checkpoint or a model.safetensors")
SAFETENSORS = FileKind("a safetensors file of weights")
TFRECORD = FileKind("a TFRecord file")
SENTENCEPIECE = FileKind("a SentencePiece model")
JSON = FileKind("a JSON file")
TEXT = FileKind("a text file")

# The first bytes decide; the first entry that fits counts.
_MAGIC: tuple[tuple[bytes, FileKind], ...] = (
    (b"version https://git-lfs", LFS_POINTER),
    (b"PK\x05\x06", ZIP),
    (b"\x1f\x8b", GZIP),
    (b"BZh", FileKind("a bzip2 file", "unpack it (bunzip2)")),
    (b"\xfd7zXZ\x00", FileKind("an xz file", "unpack it (unxz)")),
    (b"\x28\xb5\x2f\xfd", FileKind("a Zstandard file", "unpack it (unzstd)")),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", "unpack it and give what is in it")),
    (b"\x89HDF", HDF5),
    (b"PAR1", FileKind("a Parquet table", "save it as TSV, CSV or JSON Lines")),
    (b"ARROW1", FileKind("an Arrow table", "save it as Parquet, TSV, CSV or JSON Lines")),
    (b"%PDF", FileKind("a PDF document", "save its text as UTF-8")),
    (b"\xd0\xcf\x11\xe0", FileKind("an old Excel or Word file", "save it as UTF-8 text, a table as TSV or CSV")),
    (b"\x93NUMPY", FileKind("a NumPy array", "give a TensorFlow checkpoint or a model.safetensors")),
    (b"SQLite format 3", FileKind("an SQLite database", "export the table as TSV or CSV in UTF-8")),
    *((b"\x80" + bytes([version]) + rest, PICKLE) for version, rest in ((2, b""), (3, b""), (4, b"\x95"), (5, b"\x95"))),
)
_HTML = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head)\b", re.IGNORECASE)
_OFFICE = FileKind("an Excel workbook or another document of Office", "save it as UTF-8 text, a table as TSV or CSV")
# Keys of JSON files that are taken for one another, those that tell most first: configurations of transformers may hold
# `tokenizer_class` too.
_JSON_KINDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("num_hidden_layers", "hidden_size"), "a model's configuration (config.json, bert_config.json)"),
    (("task_type", "max_seq_length"), "metadata of records (meta_data.json)"),
    (("run", "about"), "the notes of a training run (run_config.json)"),
    (("weight_map",), "the index of a sharded model (model.safetensors.index.json)"),
    (("added_tokens", "pre_tokenizer"), "a tokenizer (tokenizer.json)"),
    (("tokenizer_class",), "the settings of a tokenizer (tokenizer_config.json)"),
    (("do_lower_case",), "the settings of a tokenizer (tokenizer_config.json)"),
    (("unk_token", "cls_token"), "a list of special tokens (special_tokens_map.json)"),
    (("data", "version"), "a file of questions (SQuAD)"),
    (("data",), "a file of questions (SQuAD)"),
)


def kind_of(path: str) -> FileKind | None:
    """The kind of a local file; None where the first bytes do not tell, it is empty, is not there, or is remote."""
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if head[257:262] == b"ustar":
        return TAR
    if _HTML.match(head):
        return WEB_PAGE
    if _is_safetensors(head):
        return SAFETENSORS
    if _is_records(head):
        return TFRECORD
    if head.startswith(b"\x0a") and b"<unk>" in head[:64]:
        return SENTENCEPIECE
    return _text_kind(head)


def _zip_kind(path: str) -> FileKind:
    """PyTorch's files and those of Office are ZIP archives too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return ZIP
    if any(name.endswith(".pkl") for name in names):
        return PICKLE
    if "[Content_Types].xml" in names:
        return _OFFICE
    inside = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return FileKind(f"a ZIP archive of {inside}", ZIP.cure) if names else ZIP


def _is_safetensors(head: bytes) -> bool:
    return head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= _SAFETENSORS_HEADER_LIMIT


def _is_records(head: bytes) -> bool:
    if len(head) < 12:
        return False
    return masked_crc32c(head[:8]) == struct.unpack("<I", head[8:12])[0]


def _text_kind(head: bytes) -> FileKind | None:
    # The first byte of a record may be a letter too.
    if len(head) < 2 or b"\0" in head:
        return None
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return None
    return JSON if text.lstrip().startswith(("{", "[")) and '"' in text else TEXT


def refuse_lfs_pointer(path: str, what: str = "") -> None:
    """Refuses the Git LFS pointer of a file, which never is what was meant; reads a few bytes only.

    Args:
      path: a file; one that is remote or not there passes.
      what: begins the message, as `--vocab_file: `.

    Raises:
      UserError: it is a pointer.
    """
    magic = _MAGIC[0][0]
    if not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        if file.read(len(magic)) == magic:
            raise UserError(f"{what}{path} is {LFS_POINTER.title}; {LFS_POINTER.cure}")


def refuse_lfs_pointers_of(prefix: str) -> None:
    """As `refuse_lfs_pointer`, for the files of a TensorFlow checkpoint: `<prefix>.index` and `<prefix>.data-…`."""
    for path in sorted(glob.glob(f"{glob.escape(prefix)}.*")):
        refuse_lfs_pointer(path)


def explained(path: str, wanted: str, *, wants_text: bool = False) -> UserError | None:
    """The error for a file of another kind than the wanted one, or None where its first bytes do not tell.

    Args:
      path: what was given.
      wanted: what should have been, with its article, as "a TFRecord file".
      wants_text: texts, JSON among them, are of the right kind whatever else is wrong with them.
    """
    kind = kind_of(path)
    if kind is None or kind.title == wanted or (wants_text and kind in (TEXT, JSON)):
        return None
    contrast = "" if kind is LFS_POINTER else f", not {wanted}"
    return UserError(f"{path} is {kind.title}{contrast}" + (f"; {kind.cure}" if kind.cure else ""))


def no_json(path: str, wanted: str, cure: str = "") -> UserError | None:
    """The error for a file that should be JSON and does not even begin so; None where it does, or is remote or not there.

    Args:
      path: what was given.
      wanted: what should have been, with its article, as "a BERT configuration".
      cure: what to give instead.
    """
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        begins = file.read(_HEAD).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    kind = kind_of(path)
    if begins and (kind is None or (kind in (JSON, TEXT) and begins in b"{[")):
        return None
    what, advice = ("empty", cure) if kind is None or not begins else (kind.title, kind.cure or cure)
    contrast = "" if kind is LFS_POINTER else f", not {wanted}"
    return UserError(f"{path} is {what}{contrast}" + (f"; {advice}" if advice else ""))


def json_kind(value: object) -> str | None:
    """What a JSON object is by its keys, as "metadata of records (meta_data.json)"; None where they do not tell."""
    if not isinstance(value, dict):
        return None
    return next((title for keys, title in _JSON_KINDS if all(key in value for key in keys)), None)
