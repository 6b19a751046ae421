"""Writes TFRecords of DeepMind's kind, sharing nothing with the reader under test.

CRCs are computed bit by bit from the polynomial, messages are put together from their bytes.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from gqn_rl.data.deepmind import DeepMindDataset

REVERSED_POLYNOMIAL = 0x82F63B78
"""Castagnoli's 0x1EDC6F41, lowest bit first."""


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (REVERSED_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15) + (crc << 17) + 0xA282EAD8) % 2**32)


def record(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return length + masked(length) + payload + masked(payload)


def varint(number: int) -> bytes:
    number %= 2**64  # negative numbers are written as their two's complement
    groups = []
    while number >= 128:
        groups.append(number % 128 + 128)
        number //= 128
    return bytes([*groups, number])


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number * 8 + 2) + varint(len(content)) + content


def bytes_feature(values: list[bytes]) -> bytes:
    return field(1, b"".join(field(1, value) for value in values))


def float_feature(values: object, packed: bool = True) -> bytes:
    numbers = [struct.pack("<f", value) for value in np.asarray(values, np.float32).ravel()]
    if packed:
        return field(2, field(1, b"".join(numbers)))
    return field(2, b"".join(varint(1 * 8 + 5) + number for number in numbers))


def int64_feature(values: list[int], packed: bool = True) -> bytes:
    if packed:
        return field(3, field(1, b"".join(map(varint, values))))
    return field(3, b"".join(varint(1 * 8 + 0) + varint(value) for value in values))


def example(features: dict[str, bytes]) -> bytes:
    entries = (field(1, name.encode()) + field(2, value) for name, value in features.items())
    return field(1, b"".join(field(1, entry) for entry in entries))


def jpeg(image: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", **({"quality": 95} | options))
    return file.getvalue()


def sample_frames(rng: np.random.Generator, dataset: DeepMindDataset) -> np.ndarray:
    """Slow colour gradients, which JPEG changes little: uint8 (V, S, S, 3)."""
    top, bottom = rng.uniform(40, 215, (2, dataset.num_views, 1, 1, 3))
    share = np.linspace(0, 1, dataset.image_size)[:, None, None]
    columns = np.ones((1, dataset.image_size, 1))
    return ((top * share + bottom * (1 - share)) * columns).astype(np.uint8)


def sample_cameras(rng: np.random.Generator, dataset: DeepMindDataset) -> np.ndarray:
    """x, y, z, yaw, pitch of cameras that look at the origin: float32 (V, 5)."""
    azimuth = rng.uniform(-3, 3, dataset.num_views)
    elevation = rng.uniform(-1.2, 1.2, dataset.num_views)
    x = 3 * np.cos(elevation) * np.cos(azimuth)
    y = 3 * np.cos(elevation) * np.sin(azimuth)
    z = 3 * np.sin(elevation)
    return np.stack([x, y, z, azimuth + np.pi, -elevation], axis=1).astype(np.float32)


def scene(rng: np.random.Generator, dataset: DeepMindDataset) -> bytes:
    """The payload of one record."""
    frames = [jpeg(frame) for frame in sample_frames(rng, dataset)]
    cameras = float_feature(sample_cameras(rng, dataset))
    return example({"frames": bytes_feature(frames), "cameras": cameras})


def write_records(path: Path, payloads: list[bytes]) -> list[int]:
    """Write a file; returns the offset of each record and the size of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [record(payload) for payload in payloads]
    path.write_bytes(b"".join(records))
    return [0, *np.cumsum([len(part) for part in records]).tolist()]
