import json
import struct

import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import safetensors_file

ARRAYS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "ü": np.array(1.5, np.float32),
    "empty": np.zeros((0, 4), np.float32),
}


def _write(path, arrays=ARRAYS):
    safetensors_file.write(str(path), {name: (array.shape, lambda array=array: array) for name, array in arrays.items()})
    return str(path)


def _file(path, header, content=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return str(path)


def test_what_is_written_is_read_back(tmp_path):
    entries = safetensors_file.read_entries(_write(tmp_path / "f"))
    assert list(entries) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert entries[name].shape == array.shape
        np.testing.assert_array_equal(entries[name].read_float32(), array)


def test_the_format_is_that_of_the_safetensors_library(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    for name, array in library.load_file(_write(tmp_path / "ours")).items():
        np.testing.assert_array_equal(array, ARRAYS[name])
    library.save_file(ARRAYS | {"half": np.array([1.5, -2], np.float16)}, str(tmp_path / "theirs"))
    entries = safetensors_file.read_entries(str(tmp_path / "theirs"))
    np.testing.assert_array_equal(entries["half"].read_float32(), np.array([1.5, -2], np.float32))
    np.testing.assert_array_equal(entries["a.weight"].read_float32(), ARRAYS["a.weight"])


def test_bfloat16_is_widened(tmp_path):
    values = np.array([1.0, -2.5, 3.140625], np.float32)
    content = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    path = _file(tmp_path / "f", {"x": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}, content)
    np.testing.assert_array_equal(safetensors_file.read_entries(path)["x"].read_float32(), values)


def _entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "content", "message"),
    [
        ({"x": _entry()}, b"1234", "truncated: it has .* bytes, its tensors end at"),
        ({"x": _entry()}, b"1" * 12, "followed by something else"),
        ({"x": _entry(), "y": _entry(offsets=(4, 12))}, b"1" * 12, "starts at byte"),
        ({"x": _entry(), "y": _entry(offsets=(12, 20))}, b"1" * 20, "starts at byte"),
        ({"x": _entry(shape=(3,))}, b"1" * 8, "the entry of the tensor 'x'"),
        ({"x": _entry(shape=(-2,), offsets=(0, -8))}, b"", "the entry of the tensor 'x'"),
        ({"x": _entry(shape=(2**40, 2**40))}, b"1" * 8, "the entry of the tensor 'x'"),
        ({"x": _entry(shape=(True, 2))}, b"1" * 8, "the entry of the tensor 'x'"),
        ({"x": _entry(dtype="F33")}, b"1" * 8, "the entry of the tensor 'x'"),
        ({"x": 3}, b"", "the entry of the tensor 'x'"),
        ([1], b"", "not a JSON object"),
        (b'{"x": 1, "x": 2}', b"", "a name occurs twice"),
        (b'{"x": ', b"", "its header"),
        (b"\xff\xfe{}", b"", "its header"),
        (b"[" * 200_000, b"", "its header"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, header, content, message):
    with pytest.raises(UserError, match=message):
        safetensors_file.read_entries(_file(tmp_path / "f", header, content))


def test_a_header_of_absurd_length_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "f").write_bytes(struct.pack("<Q", 10**12) + b"{}")
    with pytest.raises(UserError, match="not a safetensors file"):
        safetensors_file.read_entries(str(tmp_path / "f"))


def test_a_file_cut_anywhere_is_refused(tmp_path):
    content = (tmp_path / "f").read_bytes() if _write(tmp_path / "f") else b""
    for size in range(len(content)):
        (tmp_path / "cut").write_bytes(content[:size])
        with pytest.raises(UserError):
            safetensors_file.read_entries(str(tmp_path / "cut"))


def test_no_mutation_of_a_header_gives_anything_but_a_clear_error(tmp_path):
    rng = np.random.default_rng(0)
    content = (tmp_path / "f").read_bytes() if _write(tmp_path / "f") else b""
    refused = 0
    for _ in range(400):
        mutated = bytearray(content)
        for position in rng.integers(0, 8 + struct.unpack("<Q", content[:8])[0], rng.integers(1, 4)):
            mutated[position] = rng.integers(0, 256)
        (tmp_path / "mutated").write_bytes(mutated)
        try:
            for entry in safetensors_file.read_entries(str(tmp_path / "mutated")).values():
                assert entry.size <= len(content)
        except UserError:
            refused += 1
    assert refused > 200
