"""TFRecords: what is written comes back, and damage is named, never passed on."""

from __future__ import annotations

import io
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

from gqn_rl.data.tfrecord import BadRecord, RecordError, TFRecordReader, masked_crc
from gqn_rl.errors import UserError
from tests.gqn_rl.data.tfrecord_writer import crc32c, write_records

PAYLOADS = [b"first", b"", bytes(range(256)) * 3, b"last"]


@pytest.fixture
def offsets(tmp_path: Path) -> list[int]:
    """Where the records of the file begin, and its size."""
    return write_records(tmp_path / "file.tfrecord", PAYLOADS)


@pytest.fixture
def path(tmp_path: Path, offsets: list[int]) -> Path:
    return tmp_path / "file.tfrecord"


def flip(path: Path, position: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def unmask(masked: int) -> int:
    rotated = (masked - 0xA282EAD8) % 2**32
    return (rotated << 15 | rotated >> 17) % 2**32


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"123456789", 0xE3069283),
        (b"", 0x00000000),
        # RFC 3720, appendix B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_the_checksum_is_crc_32c(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc, "the writer of these tests"
    assert unmask(masked_crc(data)) == crc


def test_payloads_come_back_in_order_and_again(path: Path) -> None:
    reader = TFRecordReader(path)
    assert list(reader) == PAYLOADS
    assert list(reader) == PAYLOADS
    assert reader.skipped == []


def test_records_of_a_third_party_come_back(tmp_path: Path) -> None:
    file = io.BytesIO()
    writer = RecordWriter(file)
    for payload in PAYLOADS:
        writer.write(payload)
    (tmp_path / "file").write_bytes(file.getvalue())
    assert list(TFRecordReader(tmp_path / "file")) == PAYLOADS


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(TFRecordReader(tmp_path / "empty")) == []


@pytest.mark.parametrize("skip_bad", [False, True])
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_one_clear_line(tmp_path: Path, kind: str, skip_bad: bool) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UserError, match=kind) as refusal:
        list(TFRecordReader(path, skip_bad=skip_bad))
    assert "\n" not in str(refusal.value)


# Position of the damaged byte within the third record, whether later records can still be found.
DAMAGE = {"length": (3, False), "length CRC": (9, False), "payload": (12, True), "CRC": (-1, True)}


@pytest.mark.parametrize("part", DAMAGE)
def test_a_flipped_bit_names_the_file_and_the_offset(
    path: Path, offsets: list[int], part: str
) -> None:
    within, _ = DAMAGE[part]
    flip(path, offsets[2 if within >= 0 else 3] + within, bit=5)
    with pytest.raises(RecordError, match=f"file.tfrecord: record at byte {offsets[2]}: ") as error:
        list(TFRecordReader(path))
    assert (error.value.path, error.value.offset) == (path, offsets[2])
    assert "CRC" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("part", DAMAGE)
def test_a_flipped_bit_is_skipped_when_asked(path: Path, offsets: list[int], part: str) -> None:
    within, goes_on = DAMAGE[part]
    flip(path, offsets[2 if within >= 0 else 3] + within, bit=5)
    reader = TFRecordReader(path, skip_bad=True)
    assert list(reader) == PAYLOADS[:2] + PAYLOADS[3:] * goes_on
    assert [error.offset for error in reader.skipped] == [offsets[2]]
    assert reader.skipped[0].is_last == (not goes_on)


@pytest.mark.parametrize("missing", [1, 4, 5, 760, 770, 780, 783])
def test_a_truncated_record_names_the_file_and_the_offset(
    path: Path, offsets: list[int], missing: int
) -> None:
    path.write_bytes(path.read_bytes()[: offsets[3] - missing])
    with pytest.raises(RecordError, match=rf"byte {offsets[2]}: truncated"):
        list(TFRecordReader(path))
    reader = TFRecordReader(path, skip_bad=True)
    assert list(reader) == PAYLOADS[:2]
    assert [error.offset for error in reader.skipped] == [offsets[2]]


def test_a_huge_length_is_refused_before_memory_is_asked_for(tmp_path: Path) -> None:
    length = struct.pack("<Q", 2**62)
    header = length + struct.pack("<I", masked_crc(length))
    (tmp_path / "file").write_bytes(header + bytes(100))
    with pytest.raises(RecordError, match=f"truncated: {2**62 + 4} bytes should follow"):
        list(TFRecordReader(tmp_path / "file"))


def test_a_payload_that_cannot_be_used_is_named_or_skipped(path: Path, offsets: list[int]) -> None:
    def decode(payload: bytes) -> int:
        if not payload:
            raise BadRecord("it is empty")
        return len(payload)

    with pytest.raises(RecordError, match=rf"byte {offsets[1]}: it is empty"):
        list(TFRecordReader(path).decode(decode))
    reader = TFRecordReader(path, skip_bad=True)
    assert list(reader.decode(decode)) == [5, 768, 4]
    assert [error.offset for error in reader.skipped] == [offsets[1]]
    list(reader.decode(decode))
    assert len(reader.skipped) == 1, "counted anew in every iteration"


def test_other_errors_of_a_decoder_are_not_hidden(path: Path) -> None:
    def decode(payload: bytes) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(TFRecordReader(path, skip_bad=True).decode(decode))


def test_errors_survive_the_way_from_a_worker_process() -> None:
    error = RecordError(Path("x"), 12, "bad", is_last=True)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path, again.offset, again.is_last) == (
        str(error),
        Path("x"),
        12,
        True,
    )


def test_random_damage_is_found_or_harmless(tmp_path: Path, rng: np.random.Generator) -> None:
    """Of a damaged file come only payloads that were written, in order, then an error.

    A cut exactly between two records is the one damage that the format cannot show.
    """
    payloads = [rng.bytes(int(size)) for size in rng.integers(0, 60, 5)]
    path = tmp_path / "file"
    boundaries = set(write_records(path, payloads))
    whole = path.read_bytes()
    for trial in range(400):
        data = bytearray(whole)
        if trial % 2:
            del data[int(rng.integers(len(data))) :]
        else:
            for _ in range(int(rng.integers(1, 4))):
                data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        seen, error = read_until_error(path)
        assert seen == payloads[: len(seen)]
        if error is None:
            assert bytes(data) == whole[: len(data)]
            assert len(data) in boundaries
        left = list(TFRecordReader(path, skip_bad=True))
        assert is_subsequence(left, payloads)


def read_until_error(path: Path) -> tuple[list[bytes], RecordError | None]:
    seen: list[bytes] = []
    try:
        for payload in TFRecordReader(path):
            seen.append(payload)
    except RecordError as error:
        return seen, error
    return seen, None


def is_subsequence(part: list[bytes], whole: list[bytes]) -> bool:
    rest = iter(whole)
    return all(payload in rest for payload in part)


def test_a_reader_that_is_left_early_closes_its_file(path: Path) -> None:
    iterator = iter(TFRecordReader(path))
    assert next(iterator) == PAYLOADS[0]
    before = len(os.listdir("/proc/self/fd"))
    iterator.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before - 1
