"""The user's own arrays, in one NumPy file."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, chain
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Interval
from torch import Tensor

from smoothkit.data.checks import check_images, check_labels, check_lengths
from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.data.groups import crossed, group_of, ordered_groups
from smoothkit.data.splits import split
from smoothkit.data.statistics import channel_statistics
from smoothkit.errors import DataError
from smoothkit.seeding import derived_generator

PARTS = (("train_images", "train_labels", "train_groups"), ("test_images", "test_labels", "test_groups"))
WHOLE = (("images", "labels", "groups"),)
CLASS_NAMES = "class_names"
GROUP_NAMES = "group_names"
EXPECTED = "train_images, train_labels, test_images and test_labels; or images and labels"


def npz(
    root: Path,
    path: str,
    test_share: Annotated[float, Interval(gt=0, lt=1)] = 0.2,
) -> Dataset:
    """Your own arrays, from one .npz file as `numpy.savez` writes it.

    Keys: train_images, train_labels, test_images, test_labels; or images and labels, of which always the same
    `test_share`, stratified by class and group, becomes the test part, whatever the run's seed. Optionally class_names
    (text), and train_groups and test_groups, or groups: which group each sample belongs to (N,), in words, or as an
    index into group_names (text).

    Images are (N, H, W), (N, H, W, C) or (N, C, H, W): integers 0..255, or floats, which are used as they are; or
    features (N, D). Labels are class indices (N,), or distributions over the classes (N, K). Normalised by the
    statistics of the training part. `path` starts at the working directory, if it is not absolute (`root` is not used).

    Raises:
        ValueError: `test_share` is not between 0 and 1.
        DataError: the file cannot be read, or an array is not as said here; the file and the key are named.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"npz: test_share is {test_share}; expected a share above 0 and below 1")
    arrays = _read(Path(path).expanduser())
    keys = WHOLE if "images" in arrays else PARTS
    _require(arrays, keys, path)
    parts = [_part(arrays, image_key, label_key, path) for image_key, label_key, _ in keys]
    class_names = _class_names(arrays.get(CLASS_NAMES), parts[0].labels, path)
    for part, (_, label_key, _) in zip(parts, keys, strict=True):
        check_labels(part.labels, len(class_names), f"{path}: {label_key}")
    groups = _groups(arrays, {key: len(part) for part, (*_, key) in zip(parts, keys, strict=True)}, path)
    if len(parts) == 1:
        parts, groups = _split(parts[0], groups[0], test_share, path)
    group_names, *ids = ordered_groups(*groups)
    train, test = (replace(part, groups=part_ids) for part, part_ids in zip(parts, ids, strict=True))
    mean, std = channel_statistics(train.images)
    return Dataset(
        train=train, test=test, class_names=class_names, mean=mean, std=std, name=path, group_names=group_names
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; expected an .npz file with {EXPECTED}")
    # Opened here, because NumPy leaves a file that it opened itself open when it is not a zip archive after all.
    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
        except Exception as error:  # Anything else than a zip archive is tried as a pickle, and refused as one.
            raise DataError(f"{path}: not an .npz file, or a truncated one; write it with numpy.savez") from error
        if isinstance(archive, np.ndarray):
            raise DataError(f"{path}: holds a single array; expected an .npz file with {EXPECTED}")
        known = {CLASS_NAMES, GROUP_NAMES, *chain(*PARTS, *WHOLE)}
        return {key: _array(archive, key, path) for key in archive.files if key in known}


def _array(archive: "np.lib.npyio.NpzFile", key: str, path: Path) -> np.ndarray:
    try:
        return archive[key]
    except Exception as error:  # Zip, zlib and NumPy each have their own for a corrupt member.
        mend = "store numbers, and text as numpy.array([...], dtype=str)" if "pickle" in str(error) else "write it anew"
        raise DataError(f"{path}: {key} cannot be read ({error}); {mend}") from error


def _require(arrays: dict[str, np.ndarray], keys: tuple[tuple[str, str, str], ...], path: str) -> None:
    needed = [key for image_key, label_key, _ in keys for key in (image_key, label_key)]
    if set(arrays) & {GROUP_NAMES, "groups", "train_groups", "test_groups"}:
        needed += [group_key for *_, group_key in keys]
    missing = [key for key in needed if key not in arrays]
    if missing:
        there = ", ".join(arrays) or "none of these"
        raise DataError(f"{path}: lacks {', '.join(missing)}; expected {EXPECTED}; there is {there}")


def _part(arrays: dict[str, np.ndarray], image_key: str, label_key: str, path: str) -> ImageSet:
    place = f"{path}: {image_key}"
    images, labels = _images(arrays[image_key], place), _labels(arrays[label_key], f"{path}: {label_key}")
    check_lengths(len(images), len(labels), place)
    check_images(images, place)
    return ImageSet(images, labels)


def _images(array: np.ndarray, place: str) -> Tensor:
    """The array as float32 features (N, D), or uint8 or float32 pixels (N, C, H, W)."""
    if array.dtype.kind in "iu" and array.ndim > 2:
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        if low < 0 or high > 255:
            raise DataError(f"{place}: integers from {low} to {high}; expected 0 to 255: store other scales as float32")
        array = array.astype(np.uint8)
    elif array.dtype.kind not in "iuf":
        raise DataError(f"{place}: values of type {array.dtype}; expected integers 0 to 255 or floats")
    else:
        with np.errstate(over="ignore"):  # What overflows becomes infinite, which is checked and named below.
            array = array.astype(np.float32)
    if array.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(array))
    return torch.from_numpy(_channels_first(array, place))


def _channels_first(array: np.ndarray, place: str) -> np.ndarray:
    if array.ndim == 3:
        return np.ascontiguousarray(array[:, None])
    if array.ndim != 4:
        raise DataError(f"{place}: shape {array.shape}; expected (N, H, W), (N, H, W, C), (N, C, H, W) or (N, D)")
    _, first, second, third = array.shape
    # The channels are the axis of at most four entries, or else the one beside two equal sides.
    if first <= 4 or (third > 4 and second == third):
        return np.ascontiguousarray(array)
    if third <= 4 or first == second:
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    raise DataError(f"{place}: shape {array.shape}; cannot tell which axis holds channels: store square images")


def _labels(array: np.ndarray, place: str) -> Tensor:
    """The array as class indices int64 (N,) or distributions float32 (N, K)."""
    if array.ndim == 1 and array.dtype.kind in "iu":
        return torch.from_numpy(array.astype(np.int64))
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "iufb":
        return torch.from_numpy(array.astype(np.float32))
    raise DataError(
        f"{place}: {array.dtype} of shape {array.shape}; expected integers (N,) or probabilities (N, K), K at least 2"
    )


def _class_names(names: np.ndarray | None, train_labels: Tensor, path: str) -> tuple[str, ...]:
    if names is None:
        number = train_labels.shape[1] if train_labels.ndim == 2 else max(int(train_labels.max()) + 1, 1)
        return tuple(str(label) for label in range(number))
    if names.ndim != 1 or names.dtype.kind != "U" or len(names) < 1:
        raise DataError(
            f"{path}: class_names is {names.dtype} of shape {names.shape}; expected text, one for each class"
        )
    return tuple(str(name) for name in names)


def _groups(arrays: dict[str, np.ndarray], samples: dict[str, int], path: str) -> list[pd.Series | None]:
    """The name of each sample's group, for each key; None where the file says nothing of groups."""
    if not samples.keys() <= arrays.keys():
        return [None for _ in samples]
    words = [_words(arrays[key], arrays.get(GROUP_NAMES), number, key, path) for key, number in samples.items()]
    if len({arrays[key].dtype.kind == "U" for key in samples}) > 1:
        raise DataError(f"{path}: {' and '.join(samples)} are words in one and indices in the other; expected one kind")
    place = f"{path}: {' and '.join(samples)}"
    # Named together: what has one name in both parts is one group.
    named = crossed([group_of(pd.Series([*chain(*words)], name="groups", dtype=object), place)], place)
    ends = accumulate(samples.values())
    return [None if named is None else named.iloc[end - len(part) : end] for end, part in zip(ends, words, strict=True)]


def _words(ids: np.ndarray, names: np.ndarray | None, samples: int, key: str, path: str) -> Sequence[str]:
    """What the file calls each sample's group, for one key."""
    if ids.shape != (samples,) or ids.dtype.kind not in "iuU" or (ids.dtype.kind == "U" and names is not None):
        raise DataError(
            f"{path}: {key} is {ids.dtype} of shape {ids.shape}; expected one group for each of the {samples} samples: "
            "words, or indices into group_names"
        )
    if names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        raise DataError(
            f"{path}: group_names is {names.dtype} of shape {names.shape}; expected text, one for each group"
        )
    if names is None:
        return ids.tolist() if ids.dtype.kind == "U" else [f"group {i}" for i in ids.tolist()]
    if len(set(names.tolist())) < len(names):
        raise DataError(f"{path}: group_names must differ, got {', '.join(names.tolist())}")
    if strange := set(ids.tolist()) - set(range(len(names))):
        raise DataError(f"{path}: {key} holds {min(strange)}; expected 0 to {len(names) - 1}, an index into the names")
    return names[ids].tolist()


def _split(
    everything: ImageSet, groups: pd.Series | None, test_share: float, path: str
) -> tuple[list[ImageSet], list[pd.Series | None]]:
    count = round(test_share * len(everything))
    if not 0 < count < len(everything):
        raise DataError(
            f"{path}: images: {len(everything)} samples cannot give a test part of {test_share}; "
            "expected more samples, or arrays for training and test apart"
        )
    ids = None if groups is None else torch.from_numpy(groups.factorize()[0])
    chosen = split(everything.labels, count, derived_generator(0, "npz"), ids)
    return (
        [everything.select(part) for part in chosen],
        [None if groups is None else groups.iloc[part.numpy()] for part in chosen],
    )
