"""TFRecord files without TensorFlow.

A file is a sequence of records: the length (uint64, little-endian), the masked CRC-32C of those
eight bytes (uint32), the payload, and the masked CRC-32C of the payload (uint32). Both CRCs of
every record are checked. The format has no end mark: a file cut exactly between two records is a
valid shorter file, so whoever downloads one must check its size.

References:
    TensorFlow, "TFRecord and tf.train.Example", section "TFRecords format details".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

import google_crc32c

from gqn_rl.errors import UserError

Decoded = TypeVar("Decoded")

MASK_DELTA = 0xA282EAD8
HEADER, FOOTER = struct.Struct("<QI"), struct.Struct("<I")
BUFFER_SIZE = 1 << 20


class BadRecord(ValueError):
    """What is wrong with the payload of a record; the reader adds the file and the offset."""


class RecordError(UserError):
    """A record that cannot be used.

    Attributes:
        path: the file.
        offset: of the record's first byte in the file.
        is_last: whether the records after it cannot be found.
    """

    def __init__(self, path: Path, offset: int, reason: object, *, is_last: bool = False) -> None:
        super().__init__(f"{path}: record at byte {offset}: {reason}")
        self.path, self.offset, self.is_last = path, offset, is_last
        self._reason = str(reason)

    def __reduce__(self) -> tuple[Any, ...]:
        """Exceptions pickle by their message alone; this one travels from worker processes."""
        return _restore, (self.path, self.offset, self._reason, self.is_last)


def _restore(path: Path, offset: int, reason: str, is_last: bool) -> RecordError:
    return RecordError(path, offset, reason, is_last=is_last)


def masked_crc(data: bytes) -> int:
    """The CRC-32C of `data` as TFRecords store it: rotated right by 15 bits, plus a constant.

    Google's library computes it with the processor's CRC instruction, faster than files arrive;
    a table in NumPy or Python would be the slowest part of reading.
    """
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


class TFRecordReader:
    """The records of one file, in order; every iteration reads the file from its beginning.

    >>> length, payload = (7).to_bytes(8, "little"), b"a scene"
    >>> parts = [part + FOOTER.pack(masked_crc(part)) for part in (length, payload)]
    >>> Path("two.tfrecord").write_bytes(b"".join(parts * 2))
    46
    >>> list(TFRecordReader(Path("two.tfrecord")))
    [b'a scene', b'a scene']

    Args:
        path: the file.
        skip_bad: leave out a record that cannot be used instead of raising. After one whose
            length is damaged or reaches beyond the end of the file, nothing more is read.

    Attributes:
        skipped: why each record was left out in the current or latest iteration.
    """

    def __init__(self, path: Path, *, skip_bad: bool = False) -> None:
        self.path, self.skip_bad = Path(path), skip_bad
        self.skipped: list[RecordError] = []

    def __iter__(self) -> Iterator[bytes]:
        """The payloads; see `decode` for the errors."""
        return self.decode(lambda payload: payload)

    def decode(self, function: Callable[[bytes], Decoded]) -> Iterator[Decoded]:
        """What `function` makes of each payload; it raises `BadRecord` for one it cannot use.

        Raises:
            RecordError: for a damaged record or one that `function` refuses, unless `skip_bad`.
            UserError: when the file cannot be read.
        """
        self.skipped = []
        with _opened(self.path) as (file, size):
            offset = 0
            while offset < size:
                try:
                    length = self._length(file, offset, size)
                    value = self._value(file, offset, length, function)
                except RecordError as error:
                    if not self.skip_bad:
                        raise
                    self.skipped.append(error)
                    if error.is_last:
                        return
                else:
                    yield value
                offset += HEADER.size + length + FOOTER.size

    def _length(self, file: BinaryIO, offset: int, size: int) -> int:
        """The payload's length, when it can be trusted."""
        header = file.read(HEADER.size)
        if len(header) < HEADER.size:
            self._fail(offset, f"truncated after {len(header)} bytes", is_last=True)
        length, stored = HEADER.unpack(header)
        self._compare("length", offset, stored, masked_crc(header[:8]), is_last=True)
        needed, left = length + FOOTER.size, size - offset - HEADER.size
        if needed > left:
            reason = f"truncated: {needed} bytes should follow its header, {left} do"
            self._fail(offset, reason, is_last=True)
        return int(length)

    def _value(
        self, file: BinaryIO, offset: int, length: int, function: Callable[[bytes], Decoded]
    ) -> Decoded:
        payload, footer = file.read(length), file.read(FOOTER.size)
        if len(payload) < length or len(footer) < FOOTER.size:
            self._fail(offset, "the file was truncated while it was read", is_last=True)
        self._compare("payload", offset, FOOTER.unpack(footer)[0], masked_crc(payload))
        try:
            return function(payload)
        except BadRecord as error:
            raise RecordError(self.path, offset, error) from error

    def _compare(
        self, part: str, offset: int, stored: int, computed: int, *, is_last: bool = False
    ) -> None:
        if stored != computed:
            reason = f"the CRC of its {part} is {computed:#010x}, but {stored:#010x} is stored"
            self._fail(offset, reason, is_last=is_last)

    def _fail(self, offset: int, reason: str, *, is_last: bool = False) -> NoReturn:
        raise RecordError(self.path, offset, reason, is_last=is_last)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its size in bytes."""
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise UserError(f"{path} is not a regular file")
        with path.open("rb", buffering=BUFFER_SIZE) as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
