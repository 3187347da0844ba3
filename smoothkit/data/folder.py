"""The user's own image files, one folder for each class, read as training goes."""

from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge

from smoothkit.data.dataset import Dataset, StreamedSet
from smoothkit.data.groups import group_of, ordered_groups
from smoothkit.data.table_file import column_of, first_row, need_columns, read_table
from smoothkit.errors import DataError

# The statistics of ImageNet, which pretrained networks expect and which suit photographs.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

RESIZE_MARGIN = 256 / 224
"""Test images are resized to this times `size` and cut to `size`: 256 and 224 in the common ImageNet protocol."""


def folder(root: Path, path: str, size: Annotated[int, Ge(8)] = 224) -> Dataset:
    """Your own image files: path/train/<class>/* and path/test/<class>/* (or path/val), any format that Pillow reads.

    Read as they are needed, as colour images. Training sees random crops (8 % to 100 % of the area, sides 3:4 to 4:3)
    resized to `size` x `size` pixels, flipped half of the time; validation and test see the centre of the image resized
    to 256/224 of `size`. Each read is a pure function of (seed, epoch, sample). `path` starts at the working
    directory, if it is not absolute (`root` is not used).

    A file path/groups.csv, where there is one, says which group each image belongs to: its columns are `path`, the
    image's below `path`, such as train/cat/0.jpg, and `group`, in words. Rows of images that are not there do nothing.

    Raises:
        ValueError: `size` is less than 8.
        DataError: a folder is missing or holds no images, the parts differ in their classes, an image has no group
            though others have, or two, or, once it is read, an image file is truncated or corrupt; it is named.
    """
    if size < 8:
        raise ValueError(f"folder: size is {size}; expected at least 8")
    base = Path(path).expanduser()
    test_folder = base / "test" if (base / "test").is_dir() else base / "val"
    random, plain = _transforms(size)
    samples, train_plain = _open(base / "train", random), _open(base / "train", plain)
    test = _open(test_folder, plain)
    if test.classes != samples.classes:
        different = sorted(set(test.classes) ^ set(samples.classes))
        raise DataError(
            f"{path}: train and {test_folder.name} differ in the classes {', '.join(different)}; expected the same "
            "folders in both (an empty one will do for a class without test images)"
        )
    shape = (3, size, size)
    group_names, train_groups, test_groups = ordered_groups(*_groups(base, samples, test))
    return Dataset(
        train=StreamedSet(samples, train_plain, torch.tensor(samples.targets), shape, train_groups),
        test=StreamedSet(test, test, torch.tensor(test.targets), shape, test_groups),
        class_names=tuple(samples.classes),
        mean=MEAN,
        std=STD,
        name=path,
        group_names=group_names,
    )


def _transforms(size: int) -> tuple[Any, Any]:
    """The random view of a PIL image and the plain one, both to uint8 (3, size, size)."""
    from torchvision.transforms import v2

    random = [v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()]
    plain = [v2.Resize(round(size * RESIZE_MARGIN), antialias=True), v2.CenterCrop(size)]
    return v2.Compose([*random, v2.PILToTensor()]), v2.Compose([*plain, v2.PILToTensor()])


def _open(part: Path, transform: Any) -> Any:
    """torchvision's view of one part."""
    from torchvision.datasets.folder import IMG_EXTENSIONS, ImageFolder

    try:
        images = ImageFolder(str(part), transform=transform, loader=_ReadImage(), allow_empty=True)
    except FileNotFoundError as error:
        raise DataError(
            f"{part}: {'holds no class folders' if part.is_dir() else 'there is no such folder'}; expected the layout "
            "train/<class>/*.jpg and test/<class>/*.jpg (or val)"
        ) from error
    if not images.samples:
        raise DataError(f"{part}: the class folders hold no images; expected {', '.join(IMG_EXTENSIONS)}")
    return images


def _groups(base: Path, *parts: Any) -> list[list[str] | None]:
    """The name of each image's group, for each part; None where there is no file of groups."""
    file = base / "groups.csv"
    if not file.exists():
        return [None for _ in parts]
    table = read_table(file)
    need_columns(["path", "group"], table, str(file))
    named = group_of(column_of(table, "group").astype(object), str(file))
    if (row := first_row(column_of(table, "path").duplicated())) is not None:
        raise DataError(f"{file}: row {row} names {table['path'][row - 1]} again; expected one row for each image")
    groups: dict[str, str] = dict(zip(column_of(table, "path"), named, strict=True))
    paths = [[Path(path).relative_to(base).as_posix() for path, _ in part.samples] for part in parts]
    for path in chain(*paths):
        if path not in groups:
            raise DataError(f"{file}: has no row for {path}; expected a group for each image, its path below {base}")
    return [[groups[path] for path in part] for part in paths]


class _ReadImage:
    """Reads one file as a colour PIL image."""

    def __call__(self, path: str) -> Any:
        from PIL import Image

        try:
            with Image.open(path) as image:
                return image.convert("RGB")
        except Exception as error:  # Each of Pillow's decoders has its own way to fail.
            raise DataError(f"{path}: not a readable image ({error}); repair or remove the file") from error
