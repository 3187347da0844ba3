"""Plain data as tensors, with one row for each member: what a checkpoint of members can hold."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

SMALLEST = 4096
"""Bytes of the shortest row. Lengths are powers of two, so that rows that were saved apart mostly fit together."""


def packed(rows: Sequence[Any]) -> UInt8[Tensor, "members bytes"]:
    """Numbers, strings, truth values, NumPy arrays, and lists and dictionaries of them, one for each member.

    Numbers survive exactly.
    """
    texts = [json.dumps(row, default=_array).encode() for row in rows]
    length = max(SMALLEST, 1 << (max(map(len, texts)) - 1).bit_length())
    padded = np.full((len(texts), length), ord(" "), dtype=np.uint8)
    for row, text in zip(padded, texts, strict=True):
        row[: len(text)] = np.frombuffer(text, dtype=np.uint8)
    return torch.from_numpy(padded)


def unpacked(rows: UInt8[Tensor, "members bytes"]) -> list[Any]:
    """The inverse of `packed`."""
    return [json.loads(row.cpu().numpy().tobytes(), object_hook=_restored) for row in rows]


def _array(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "type": value.dtype.str}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain data")


def _restored(found: dict[str, Any]) -> Any:
    return np.array(found["array"], dtype=found["type"]) if found.keys() == {"array", "type"} else found
