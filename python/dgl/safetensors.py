"""A reader of safetensors files that checks all of a file before it gives any of it.

The format is that of https://github.com/huggingface/safetensors; the checks are those of
src/dgl/formats/safetensors.cpp (docs/formats.md).
"""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple, Union

import torch

from .errors import DglError

MAX_HEADER = 100_000_000
MAX_DIMENSIONS = 64
MAX_BYTES = 2**63 - 1

DTYPES: Dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
ITEM_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


class Entry(NamedTuple):
    """Where a tensor lies, in bytes from the end of the header."""

    dtype: str
    shape: Tuple[int, ...]
    begin: int
    end: int


class SafetensorsFile:
    """An open safetensors file. Opening reads and checks the header; ``tensor`` reads one tensor.

    Attributes:
        path: of the file.
        metadata: the header's texts.
        entries: of all tensors, by name.

    Raises DglError, which names the file and the tensor, for a file that breaks the format, and OSError for one that
    cannot be read.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self.path = Path(path)
        size = os.stat(self.path).st_size
        with open(self.path, "rb") as file:
            start = file.read(8)
            if len(start) < 8:
                raise DglError(f"{self.path}: {size} bytes; expected a safetensors file")
            (header_size,) = struct.unpack("<Q", start)
            if header_size > min(MAX_HEADER, size - 8):
                raise DglError(
                    f"{self.path}: a header of {header_size} bytes does not fit the file; expected a safetensors file"
                )
            text = file.read(header_size)
        self._data_start = 8 + header_size
        header = _parse_header(text, self.path)
        self.metadata = _metadata(header.pop("__metadata__", {}), self.path)
        data_size = size - self._data_start
        self.entries = {name: _entry(name, value, data_size, self.path) for name, value in header.items()}
        _check_coverage(self.entries, data_size, self.path)

    def names(self, prefix: str = "") -> List[str]:
        """The names that begin with ``prefix``, in order."""
        return sorted(name for name in self.entries if name.startswith(prefix))

    def tensor(self, name: str) -> torch.Tensor:
        """Reads a tensor into memory of its own. Raises DglError if there is none of that name."""
        entry = self.entries.get(name)
        if entry is None:
            raise DglError(f"{self.path}: has no tensor {name}")
        if entry.begin == entry.end:
            return torch.empty(entry.shape, dtype=DTYPES[entry.dtype])
        data = bytearray(entry.end - entry.begin)
        with open(self.path, "rb") as file:
            file.seek(self._data_start + entry.begin)
            if file.readinto(data) != len(data):
                raise DglError(f"{self.path}: tensor {name}: the file ends within its data")
        if entry.dtype == "BOOL" and max(data) > 1:
            raise DglError(f"{self.path}: tensor {name}: a BOOL that is neither 0 nor 1")
        return torch.frombuffer(data, dtype=DTYPES[entry.dtype]).reshape(entry.shape)


def _parse_header(text: bytes, path: Path) -> Dict[str, Any]:
    def unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        table: Dict[str, Any] = {}
        for key, value in pairs:
            if key in table:
                raise DglError(f"{path}: the header names {json.dumps(key)} twice")
            table[key] = value
        return table

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except DglError:
        raise
    except (ValueError, RecursionError):
        raise DglError(f"{path}: the header is not JSON; expected a safetensors file") from None
    if not isinstance(header, dict) or not text.startswith(b"{"):
        raise DglError(f"{path}: the header is not a JSON object")
    return header


def _metadata(value: Any, path: Path) -> Dict[str, str]:
    if not isinstance(value, dict):
        raise DglError(f"{path}: __metadata__: expected an object of texts")
    for key, text in value.items():
        if not isinstance(text, str):
            raise DglError(f"{path}: __metadata__: {json.dumps(key)}: expected a text")
    return value


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0  # a bool is an int too


def _entry(name: str, value: Any, data_size: int, path: Path) -> Entry:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in name):
        raise DglError(f"{path}: tensor {json.dumps(name)}: a name with control characters")
    what = f"{path}: tensor {name}"
    fields: Dict[str, Any] = value if isinstance(value, dict) else {}
    dtype, shape, offsets = fields.get("dtype"), fields.get("shape"), fields.get("data_offsets")
    if not (isinstance(dtype, str) and isinstance(shape, list) and isinstance(offsets, list) and len(offsets) == 2):
        raise DglError(f"{what}: expected dtype, shape and two data_offsets")
    begin, end = offsets
    if dtype not in DTYPES:
        raise DglError(f"{what}: dtype {json.dumps(dtype)} is not supported")
    if len(shape) > MAX_DIMENSIONS:
        raise DglError(f"{what}: {len(shape)} dimensions, expected at most {MAX_DIMENSIONS}")
    if not all(map(_is_count, shape)):
        raise DglError(f"{what}: shape: expected whole numbers")
    if not _is_count(begin) or not _is_count(end):
        raise DglError(f"{what}: data_offsets: expected two whole numbers")
    # Where a size is 0 the tensor is empty, but its strides are products of the other sizes.
    extent = math.prod((max(size, 1) for size in shape), start=ITEM_SIZES[dtype])
    if extent > MAX_BYTES:
        raise DglError(f"{what}: its shape overflows")
    if begin > end or end > data_size:
        raise DglError(
            f"{what}: data offsets ({begin}, {end}) lie outside the {data_size} bytes of data; "
            "perhaps an incomplete download"
        )
    expected = 0 if 0 in shape else extent
    if end - begin != expected:
        raise DglError(f"{what}: its shape and dtype need {expected} bytes, its offsets span {end - begin}")
    return Entry(dtype, tuple(shape), begin, end)


def _check_coverage(entries: Dict[str, Entry], data_size: int, path: Path) -> None:
    """Raises DglError if data overlap or have holes, so that every byte has exactly one meaning."""
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != at:
            raise DglError(f"{path}: tensor {name}: its data overlaps another's or leaves a hole")
        at = entry.end
    if at != data_size:
        raise DglError(f"{path}: {data_size - at} bytes of data belong to no tensor")
