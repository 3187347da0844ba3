"""A data set: a training part, a test part, and what their numbers mean."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Subset

from smoothkit.data.checks import check_class_support, check_groups, check_images, check_labels, check_lengths
from smoothkit.errors import DataError

# The two axes have different names so that the check of equal lengths is `Dataset`'s, whose message names the set.
Images = UInt8[Tensor, "samples channels height width"] | Float32[Tensor, "samples ..."]
Labels = Int64[Tensor, " labels"] | Float32[Tensor, "labels classes"]
Groups = Int64[Tensor, " ids"]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Samples that fit into memory, and on the device: every image in one tensor.

    Plain data: `Dataset` checks what it is given.
    """

    images: Images
    """uint8 pixels (N, C, H, W) on the scale 0..255, or float32 pixels (N, C, H, W) or features (N, D) as they are."""
    labels: Labels
    """Class indices (N,), or one distribution over the classes for each sample (N, K)."""
    groups: Groups | None = None
    """Which group of people, or of anything, each sample belongs to (N,); None where nothing is known of groups."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (C, H, W), or (D,) for features."""
        return tuple(self.images.shape[1:])

    def select(self, indices: Int64[Tensor, " selected"]) -> "ImageSet":
        """The samples at `indices`, in that order."""
        indices = indices.to(self.images.device)
        groups = None if self.groups is None else self.groups.index_select(0, indices)
        return ImageSet(self.images.index_select(0, indices), self.labels.index_select(0, indices), groups)

    def to(self, device: torch.device | str) -> "ImageSet":
        """The set on `device`; nothing is copied if it is there already."""
        groups = None if self.groups is None else self.groups.to(device)
        return ImageSet(self.images.to(device), self.labels.to(device), groups)


@dataclass(frozen=True, eq=False)
class StreamedSet:
    """Samples that are read one by one, because all of them together would not fit.

    `samples` and `plain` are map-style torch data sets over the same samples in the same order. Item i is a tuple whose
    first entry is a uint8 tensor of `shape`; labels are read from `labels` alone. What is random in an item must
    come from torch's default generator, as it does in torchvision's v2 transforms: each read of a sample starts that
    generator from (seed, epoch, i), so that a resumed run sees the same crops.
    """

    samples: TorchDataset[Any]
    """The view for training: with random crops, say."""
    plain: TorchDataset[Any]
    """The view for evaluation: without anything random. The same object as `samples` if nothing there is random."""
    labels: Labels
    """Class indices (N,), or one distribution over the classes for each sample (N, K)."""
    shape: tuple[int, int, int]
    """(C, H, W) of every sample."""
    groups: Groups | None = None
    """Which group each sample belongs to (N,); None where nothing is known of groups."""

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, indices: Int64[Tensor, " selected"]) -> "StreamedSet":
        """The samples at `indices`, in that order."""
        chosen = indices.tolist()
        return StreamedSet(
            Subset(self.samples, chosen),
            Subset(self.plain, chosen),
            self.labels.index_select(0, indices),
            self.shape,
            None if self.groups is None else self.groups.index_select(0, indices),
        )


Part = ImageSet | StreamedSet


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training part and a test part of one classification problem, checked when they are put together.

    Raises:
        DataError: a part is empty, images and labels differ in number, a label is outside 0..K-1, a soft label is not a
            distribution, a float value is not finite, a class has no sample in the training part, the parts differ in
            the shape of a sample, a sample is of no named group, or a group's name is empty, holds a slash or is
            another's too. The message names this data set, the part, and the first offender.
    """

    train: Part
    test: Part
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    """Mean of each channel, or feature; of uint8 pixels on the scale 0..1."""
    std: tuple[float, ...]
    """Standard deviation of each channel, on the same scale."""
    name: str = "data set"
    """What error messages call this data set: its registered name, or its file."""
    group_names: tuple[str, ...] = ()
    """What the groups are called, by their ids from 0; empty where nothing is known of groups. One without samples is
    allowed. Plain words (letters, digits, spaces, hyphens, `+`): tags and file members are made of them."""

    def __post_init__(self) -> None:
        for part_name, part in (("train", self.train), ("test", self.test)):
            place = f"{self.name}: {part_name}"
            if isinstance(part, ImageSet):
                check_lengths(len(part.images), len(part.labels), place)
                check_images(part.images, place)
            else:
                # Torch's map-style data sets are sized, though their base class does not say so.
                check_lengths(len(part.samples), len(part.labels), place)  # pyright: ignore[reportArgumentType]
            check_labels(part.labels, self.num_classes, place)
            check_groups(part.groups, self.group_names, len(part), place)
        if self.train.shape != self.test.shape:
            raise DataError(
                f"{self.name}: training samples have shape {self.train.shape} and test samples {self.test.shape}; "
                "expected the same: resize one of them"
            )
        check_class_support(self.train.labels, self.class_names, self.name)
        for field, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.in_channels:
                raise DataError(
                    f"{self.name}: {field} has {len(values)} entries; expected {self.in_channels}, one each channel"
                )
        if min(self.std) <= 0:
            raise DataError(f"{self.name}: std is {self.std}; expected positive numbers")

    @property
    def num_classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    @property
    def in_channels(self) -> int:
        """The channels of an image, or the number of features of a sample."""
        return self.train.shape[0]

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels; 1 for features, which are one pixel with many channels.

        Raises:
            DataError: the images are not square.
        """
        _, *sides = self.train.shape
        if not sides:
            return 1
        height, width = sides
        if height != width:
            raise DataError(
                f"{self.name}: images are {height} x {width}; expected square ones: fit them to one size first "
                "(data.image_size in a scenario file, smoothkit.data.sizing.fitted in Python)"
            )
        return height

    def with_train(self, train: Part) -> "Dataset":
        """The same problem with another training part."""
        return replace(self, train=train)
