"""Any set of images with a made group B: a worse camera, and less careful labels."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Interval
from jaxtyping import UInt8
from torch import Tensor

from smoothkit.config import Component
from smoothkit.data import Dataset, ImageSet
from smoothkit.data.dataset import Part
from smoothkit.data.label_noise import symmetric_noise
from smoothkit.data.splits import stratified_indices
from smoothkit.errors import DataError
from smoothkit.seeding import derived_generator

NAMES = ("A", "B")

REACH = 3
"""Standard deviations to which a blur reaches: beyond lies 0.3 % of its weight."""


class Underlying(Component):
    """The set of images whose samples are divided into groups."""

    registry_kind: ClassVar[str] = "datasets"


def group_images(
    root: Path,
    of: str | dict[str, Any] = "digits",
    share: Annotated[float, Interval(gt=0, le=0.5)] = 0.2,
    blur: Annotated[float, Ge(0)] = 0.0,
    pixel_noise: Annotated[float, Ge(0)] = 0.2,
    group_noise: Annotated[float, Interval(ge=0, le=1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Any registered image set with a made group B, which is seen through a worse camera and labelled with less care.

    `of` is the set's name, or a table with its name and options. B is always the same `share` of each part, stratified
    by class. B's images are out of focus, by a Gaussian `blur` of that standard deviation in pixels, and then noisy, by
    independent normal `pixel_noise` of that standard deviation on the scale 0 to 1; rounded and clipped to 0..255, in
    training and test alike. A share `group_noise` of B's training labels is replaced by one of the other classes, all
    equally likely; test labels stay true. Who is in B, and what noise it gets, depends on `seed` alone.

    Raises:
        ValueError: an option is out of range.
        DataError: the set is streamed, its images are not of uint8 pixels, its labels are soft, or a part is so small
            that `share` of it is no image.
    """
    if not 0 < share <= 0.5:
        raise ValueError(
            f"group-images: share is {share}; expected a share above 0, at most 0.5: B is the smaller group"
        )
    if blur < 0 or pixel_noise < 0:
        raise ValueError(f"group-images: blur is {blur} and pixel_noise {pixel_noise}; expected 0 or more")
    if isinstance(of, dict) and not isinstance(of.get("name"), str):
        raise ValueError(f"group-images: of is {of}; expected the name of an image set, or a table with its name")
    data: Dataset = Underlying.model_validate(of).build(root=root)
    parts = {"train": data.train, "test": data.test}
    made = {name: _grouped(part, share, blur, pixel_noise, seed, name, data.name) for name, part in parts.items()}
    train = made["train"]
    noisy = symmetric_noise(
        train.labels, group_noise, data.num_classes, derived_generator(seed, "group-images train labels")
    )
    train = replace(train, labels=torch.where(train.groups == 1, noisy, train.labels))
    return replace(data, train=train, test=made["test"], name=f"group-images of {data.name}", group_names=NAMES)


def worse_camera(
    images: UInt8[Tensor, "samples channels height width"], blur: float, pixel_noise: float, generator: torch.Generator
) -> UInt8[Tensor, "samples channels height width"]:
    """Images out of focus and then noisy, rounded and clipped to 0..255; edges are reflected.

    `blur` is a standard deviation in pixels, `pixel_noise` one on the scale 0 to 1.
    """
    from torchvision.transforms.v2.functional import gaussian_blur

    seen = images.float()
    if blur > 0:
        reach = min(math.ceil(REACH * blur), min(images.shape[2:]) - 1)
        seen = gaussian_blur(seen, [2 * reach + 1, 2 * reach + 1], [blur, blur])
    noise = torch.randn(seen.shape, generator=generator)
    return (seen + 255 * pixel_noise * noise).round().clamp(0, 255).to(torch.uint8)


def _grouped(part: Part, share: float, blur: float, pixel_noise: float, seed: int, name: str, of: str) -> ImageSet:
    """One part, in which B has been chosen and photographed anew."""
    if not isinstance(part, ImageSet) or part.images.dtype != torch.uint8:
        raise DataError(
            f"group-images of {of}: expected images in memory of uint8 pixels, not features or streamed ones"
        )
    if part.labels.ndim != 1:
        raise DataError(f"group-images of {of}: the labels are soft; expected one class for each image")
    count = round(share * len(part))
    if count == 0:
        raise DataError(
            f"group-images of {of}: a share of {share} of {len(part)} {name} images is none; expected at least one in "
            "B: raise `share`"
        )
    chosen = stratified_indices(part.labels, count, derived_generator(seed, f"group-images {name} groups"))
    groups = torch.zeros(len(part), dtype=torch.int64)
    groups[chosen] = 1
    images = part.images.clone()
    pixels = derived_generator(seed, f"group-images {name} pixels")
    images[chosen] = worse_camera(part.images[chosen], blur, pixel_noise, pixels)
    return ImageSet(images, part.labels, groups)
