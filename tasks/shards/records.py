"""TFRecord files of `tf.train.Example` messages, written without TensorFlow.

The file format: a record is its length (uint64), the masked CRC-32C of the length (uint32), the
bytes, their masked CRC-32C; little-endian, one after the other
(tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details").
The message: `tensorflow/core/example/example.proto` and `feature.proto`, in the encoding of
protobuf.dev/programming-guides/encoding. Ours needs three fields of it, so a dozen lines do.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, TypeVar, cast

import google_crc32c

T = TypeVar("T")

_BYTES_LIST = 1  # field number in `Feature`
_MASK_DELTA = 0xA282EAD8
_UINT32 = 0xFFFFFFFF


def image_example(encoded: bytes, sha256: str) -> bytes:
    """A serialized `tf.train.Example` of one photo; its label stands in the version's entries.

    Args:
      encoded: an upright RGB JPEG or PNG; feature `image/encoded`, bytes.
      sha256: of the original file, hex; feature `image/sha256`, bytes: the sample's identity.
    """
    features = (
        _feature("image/encoded", encoded),
        _feature("image/sha256", sha256.encode()),
    )
    return _field(1, b"".join(features))


def files(records: Iterable[tuple[T, bytes]], limit: int) -> Iterator[tuple[list[T], bytes]]:
    """TFRecord files of the records, in their order, each with what its records are of.

    Args:
      records: what each is of, and its bytes; a file is filled on disk, and in memory once alone.
      limit: bytes of a file; a record that is larger has one to itself.
    """
    inside: list[T] = []
    with tempfile.TemporaryFile() as file:
        for what, record in records:
            framed = frame([record])
            if inside and file.tell() + len(framed) > limit:
                yield inside, _taken(file)
                inside = []
            file.write(framed)
            inside.append(what)
        if inside:
            yield inside, _taken(file)


def frame(records: Iterable[bytes]) -> bytes:
    """A TFRecord file of the records, in their order."""
    return b"".join(part for record in records for part in _framed(record))


def _framed(record: bytes) -> tuple[bytes, ...]:
    length = struct.pack("<Q", len(record))
    return length, _masked_crc(length), record, _masked_crc(record)


def _taken(file: IO[bytes]) -> bytes:
    file.seek(0)
    data = file.read()
    file.seek(0)
    file.truncate()
    return data


def _masked_crc(data: bytes) -> bytes:
    crc = _crc32c(data)
    rotated = (crc >> 15 | crc << 17) & _UINT32
    return struct.pack("<I", (rotated + _MASK_DELTA) & _UINT32)


def _crc32c(data: bytes) -> int:
    # The package's types admit what its C part cannot return.
    return cast("int", google_crc32c.value(data))  # pyright: ignore[reportUnknownMemberType]


def _feature(name: str, value: bytes) -> bytes:
    """An entry of the map `Features.feature`: field 1, of a name (1) and a `Feature` (2)."""
    return _field(1, _field(1, name.encode()) + _field(2, _field(_BYTES_LIST, _field(1, value))))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    """A whole number >= 0, seven bits a byte, lowest first.

    >>> _varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
