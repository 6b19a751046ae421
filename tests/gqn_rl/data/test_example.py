"""The Example parser against hand-made bytes, Google's runtime and random bytes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from gqn_rl.data.example import parse_example
from gqn_rl.data.tfrecord import BadRecord
from tests.gqn_rl.data.tfrecord_writer import (
    bytes_feature,
    example,
    field,
    float_feature,
    int64_feature,
    varint,
)

FIELD = descriptor_pb2.FieldDescriptorProto


def runtime_example() -> type[Any]:
    """Google's own class for Examples, made from the declarations in example.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", syntax="proto3")
    for name, kind in (
        ("BytesList", FIELD.TYPE_BYTES),
        ("FloatList", FIELD.TYPE_FLOAT),
        ("Int64List", FIELD.TYPE_INT64),
    ):
        message = file.message_type.add(name=name)
        message.field.add(name="value", number=1, type=kind, label=FIELD.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, kind in enumerate(("BytesList", "FloatList", "Int64List"), start=1):
        feature.field.add(
            name=kind.lower(),
            number=number,
            type=FIELD.TYPE_MESSAGE,
            type_name=kind,
            label=FIELD.LABEL_OPTIONAL,
            oneof_index=0,
        )
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    add = {"label": FIELD.LABEL_OPTIONAL}
    entry.field.add(name="key", number=1, type=FIELD.TYPE_STRING, **add)
    entry.field.add(name="value", number=2, type=FIELD.TYPE_MESSAGE, type_name="Feature", **add)
    features.field.add(
        name="feature",
        number=1,
        type=FIELD.TYPE_MESSAGE,
        type_name="Features.FeatureEntry",
        label=FIELD.LABEL_REPEATED,
    )
    whole = file.message_type.add(name="Example")
    whole.field.add(name="features", number=1, type=FIELD.TYPE_MESSAGE, type_name="Features", **add)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Example"))


RuntimeExample = runtime_example()


def random_example(rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    """An Example of Google's runtime, and what it holds."""
    message, expected = RuntimeExample(), {}
    for number in range(int(rng.integers(0, 5))):
        name, size = f"größe {number}" * int(rng.integers(1, 30)), int(rng.integers(0, 40))
        feature = message.features.feature[name]
        match rng.integers(3):
            case 0:
                expected[name] = [rng.bytes(int(n)) for n in rng.integers(0, 300, size)]
                feature.byteslist.value.extend(expected[name])
                feature.byteslist.SetInParent()
            case 1:
                expected[name] = rng.normal(size=size).astype(np.float32)
                feature.floatlist.value.extend(expected[name].tolist())
                feature.floatlist.SetInParent()
            case _:
                expected[name] = rng.integers(-(2**63), 2**63 - 1, size, np.int64, endpoint=True)
                feature.int64list.value.extend(expected[name].tolist())
                feature.int64list.SetInParent()
    return message, expected


def assert_same(received: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(received) == set(expected)
    for name, values in expected.items():
        if isinstance(values, list):
            assert received[name] == values
        else:
            assert received[name].dtype == values.dtype
            np.testing.assert_array_equal(received[name], values)


def test_what_googles_runtime_writes_is_read(rng: np.random.Generator) -> None:
    for _ in range(200):
        message, expected = random_example(rng)
        assert_same(parse_example(message.SerializeToString()), expected)


def test_hand_made_bytes_mean_the_same_to_googles_runtime() -> None:
    """So the writer of these tests is right about the format, too."""
    data = example(
        {
            "frames": bytes_feature([b"", b"\x00\xff"]),
            "cameras": float_feature([1.5, -2.0]),
            "loose": float_feature([0.25, 7.0], packed=False),
            "n": int64_feature([0, -1, 2**63 - 1, -(2**63)]),
            "m": int64_feature([300, -5], packed=False),
        }
    )
    expected = {
        "frames": [b"", b"\x00\xff"],
        "cameras": np.float32([1.5, -2.0]),
        "loose": np.float32([0.25, 7.0]),
        "n": np.int64([0, -1, 2**63 - 1, -(2**63)]),
        "m": np.int64([300, -5]),
    }
    assert_same(parse_example(data), expected)
    message = RuntimeExample.FromString(data).features.feature
    assert list(message["frames"].byteslist.value) == expected["frames"]
    for name in ("cameras", "loose"):
        assert list(message[name].floatlist.value) == expected[name].tolist()
    for name in ("n", "m"):
        assert list(message[name].int64list.value) == expected[name].tolist()


def test_golden_bytes() -> None:
    """{"a": [1.0, 2.0]}, put together by hand from the encoding's documentation."""
    data = bytes.fromhex("0a13 0a11 0a0161 120c 120a 0a08 0000803f 00000040")
    assert_same(parse_example(data), {"a": np.float32([1, 2])})


def test_packed_and_single_values_can_be_mixed() -> None:
    packed = field(1, struct.pack("<2f", 1, 2))
    single = varint(1 * 8 + 5) + struct.pack("<f", 3)
    data = example({"x": field(2, packed + single + packed)})
    assert parse_example(data)["x"].tolist() == [1, 2, 3, 1, 2]  # type: ignore[union-attr]


def entry(*parts: bytes) -> bytes:
    return field(1, field(1, b"".join(parts)))


KEY, VALUE = field(1, b"x"), field(2, float_feature([1.0]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (field(2, b""), "field 2"),
        (varint(1 * 8 + 0) + b"\x05", "wire type 0"),
        (field(1, b"") * 2, "2 feature maps"),
        (entry(KEY, VALUE) + b"\x0a", "ends inside a number"),
        (entry(KEY, VALUE)[:-1], "bytes long"),
        (b"\x0a" + b"\xff" * 9 + b"\x7f", "over 64 bits"),
        (b"\x0a" + b"\xff" * 11, "more than ten bytes"),
        (b"\x09" + bytes(8), "wire type 1"),
        (b"\x0b", "wire type 3"),
        (entry(KEY), "fields [1]"),
        (entry(VALUE), "fields [2]"),
        (entry(KEY, KEY, VALUE), "fields [1, 1, 2]"),
        (entry(KEY, VALUE, field(3, b"")), "field 3"),
        (entry(field(1, b"\xff"), VALUE), "not UTF-8"),
        (field(1, field(1, KEY + VALUE) * 2), "two features 'x'"),
        (entry(KEY, field(2, b"")), "has 0 kinds"),
        (entry(KEY, field(2, float_feature([1.0]) + bytes_feature([b""]))), "has 2 kinds"),
        (entry(KEY, field(2, field(4, b""))), "field 4"),
        (entry(KEY, field(2, field(2, field(1, b"12345")))), "5 bytes"),
        (entry(KEY, field(2, field(2, varint(1 * 8 + 0) + b"\x00"))), "not a FloatList"),
        (entry(KEY, field(2, field(3, varint(1 * 8 + 5) + bytes(4)))), "not a Int64List"),
        (entry(KEY, field(2, field(1, varint(1 * 8 + 0) + b"\x00"))), "not a BytesList"),
        (entry(KEY, field(2, field(3, field(1, b"\x80")))), "ends inside a number"),
        (b"a text instead of a message", "not"),
    ],
)
def test_what_is_no_example_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BadRecord) as refusal:
        parse_example(data)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_example_without_features_is_one() -> None:
    assert parse_example(b"") == parse_example(field(1, b"")) == {}


def test_random_bytes_raise_nothing_else(rng: np.random.Generator) -> None:
    """What the parser accepts, Google's runtime reads with the same names."""
    refused = 0
    for trial in range(3000):
        data = bytearray(random_example(rng)[0].SerializeToString() if trial % 3 else rng.bytes(30))
        for _ in range(int(rng.integers(1, 4))):
            if data:
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
        if trial % 2:
            del data[int(rng.integers(len(data) + 1)) :]
        try:
            received = parse_example(bytes(data))
        except BadRecord:
            refused += 1
        else:
            again = RuntimeExample.FromString(bytes(data)).features.feature
            assert set(received) == set(again)
    assert refused > 1000
