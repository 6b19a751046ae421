"""The tf.train.Example message, read without TensorFlow or a protocol-buffer runtime.

    Example   { Features features = 1; }
    Features  { map<string, Feature> feature = 1; }
    Feature   { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2;
                             Int64List int64_list = 3; } }
    BytesList { repeated bytes value = 1; }
    FloatList { repeated float value = 1 [packed = true]; }
    Int64List { repeated int64 value = 1 [packed = true]; }

A field is a tag (a varint: number << 3 | wire type) and a value. The parser is stricter than the
specification asks: what no writer of Examples makes (unknown fields, a message or a name twice, a
feature of no kind) is taken for a sign that the bytes are something else.

References:
    Protocol Buffers documentation, "Encoding"; TensorFlow, example.proto and feature.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gqn_rl.data.tfrecord import BadRecord

Feature: TypeAlias = list[bytes] | NDArray[np.float32] | NDArray[np.int64]

VARINT, LENGTH_DELIMITED, FIXED32 = 0, 2, 5


def parse_example(data: bytes) -> dict[str, Feature]:
    """The features of one Example by name.

    Returns:
        a list of bytes, float32 (n,) or int64 (n,) for each.

    Raises:
        BadRecord: when `data` is not an Example.
    """
    parts = list(_messages(data, "Example", (1,)))
    if len(parts) > 1:
        raise BadRecord(f"an Example with {len(parts)} feature maps, expected 1")
    features: dict[str, Feature] = {}
    for _, entry in _messages(parts[0][1], "Features", (1,)) if parts else ():
        name, feature = _entry(entry)
        if name in features:
            raise BadRecord(f"an Example with two features {name!r}")
        features[name] = feature
    return features


def _entry(data: bytes) -> tuple[str, Feature]:
    """The name and the values of one entry of the feature map."""
    fields = list(_messages(data, "feature map entry", (1, 2)))
    parts = dict(fields)
    if len(fields) != 2 or len(parts) != 2:
        raise BadRecord(f"a feature map entry with the fields {[n for n, _ in fields]}")
    try:
        name = parts[1].decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecord(f"a feature with the name {parts[1]!r}, which is not UTF-8") from error
    kinds = list(_messages(parts[2], "Feature", tuple(READERS)))
    if len(kinds) != 1:
        raise BadRecord(f"feature {name!r} has {len(kinds)} kinds, expected 1")
    kind, content = kinds[0]
    return name, READERS[kind](content)


def _bytes_list(data: bytes) -> list[bytes]:
    return [value for _, value in _messages(data, "BytesList", (1,))]


def _float_list(data: bytes) -> NDArray[np.float32]:
    chunks = []
    for _, value in _values(data, "FloatList", FIXED32):
        if len(value) % 4:
            raise BadRecord(f"packed floats in {len(value)} bytes, expected a multiple of 4")
        chunks.append(value)
    return np.frombuffer(b"".join(chunks), "<f4").astype(np.float32)


def _int64_list(data: bytes) -> NDArray[np.int64]:
    values: list[int] = []
    for kind, value in _values(data, "Int64List", VARINT):
        if kind == VARINT:
            values.append(value)
            continue
        position = 0
        while position < len(value):
            number, position = _varint(value, position)
            values.append(number)
    return np.array(values, np.uint64).astype(np.int64)


READERS: dict[int, Callable[[bytes], Feature]] = {1: _bytes_list, 2: _float_list, 3: _int64_list}
"""The field number of each kind of feature, and what reads it."""


def _messages(data: bytes, message: str, numbers: tuple[int, ...]) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields of a message with length-delimited fields alone."""
    for number, kind, value in _fields(data):
        if number not in numbers or kind != LENGTH_DELIMITED:
            raise BadRecord(f"not a {message}: it has a field {number} of wire type {kind}")
        yield number, value


def _values(data: bytes, message: str, single: int) -> Iterator[tuple[int, Any]]:
    """Wire type and content of a list's fields: packed values, or one of wire type `single`."""
    for number, kind, value in _fields(data):
        if number != 1 or kind not in (LENGTH_DELIMITED, single):
            raise BadRecord(f"not a {message}: it has a field {number} of wire type {kind}")
        yield kind, value


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and content of each field: an int for a varint, bytes for the others."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, position = _varint(data, position)
            yield number, kind, value
            continue
        if kind == LENGTH_DELIMITED:
            length, position = _varint(data, position)
        elif kind == FIXED32:
            length = 4
        else:
            raise BadRecord(f"not an Example: it has a field {number} of wire type {kind}")
        if length > len(data) - position:
            raise BadRecord(
                f"not an Example: field {number} is {length} bytes long, "
                f"but its message ends after {len(data) - position}"
            )
        yield number, kind, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned number below 2**64 in groups of seven bits, lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if position == len(data):
            raise BadRecord("not an Example: it ends inside a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    else:
        raise BadRecord("not an Example: it has a number of more than ten bytes")
    if value >> 64:
        raise BadRecord(f"not an Example: it has the number {value}, which needs over 64 bits")
    return value, position
