"""Random rotation, scaling, shear and translation."""

from dataclasses import dataclass
from math import inf
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Interval
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional as F

from smoothkit.augment.base import Augmentation, Images, Labels

Outside = Literal["border", "reflection"]
Maps = Float[Tensor, "batch 2 3"]
Numbers = Float[Tensor, " batch"]


def warped(
    images: Float32[Tensor, "batch channels height width"], maps: Maps, outside: Outside
) -> Float32[Tensor, "batch channels height width"]:
    """Images whose pixel at p shows what `images` have at A p + t, interpolated between the four pixels around it.

    `maps` holds [A t] for each image; places are (column, row) in pixels, from the centre of the image. Beyond the
    outermost pixels the nearest of them counts ("border"), or the image mirrored at its edge ("reflection").
    """
    height, width = images.shape[2:]
    # torch counts places from -1 at one edge of the image to 1 at the other.
    half = torch.tensor([width / 2, height / 2, 1.0], device=maps.device)
    grid = F.affine_grid(maps * half / half[:2, None], list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode=outside, align_corners=False)


def inverse_maps(angle: Numbers, scale: Numbers, shear: Numbers, shift: Float[Tensor, "batch 2"]) -> Maps:
    """For `warped`: what undoes a shear along the rows, then a rotation, then a scaling, then a shift of the content.

    `angle` and `shear` are in degrees: a positive angle turns counter-clockwise, a positive shear moves the upper half
    to the right. `shift` is in pixels, to the right and downwards.
    """
    cos, sin = torch.cos(torch.deg2rad(angle)), torch.sin(torch.deg2rad(angle))
    tan = torch.tan(torch.deg2rad(shear))
    # Rows count downwards. The content is sheared by S = [[1, -tan], [0, 1]] and turned by R = [[cos, sin],
    # [-sin, cos]]; this is the inverse of scale R S.
    rows = ((cos + tan * sin, tan * cos - sin), (sin, cos))
    matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1) / scale[:, None, None]
    return torch.cat((matrix, -matrix @ shift.unsqueeze(2)), dim=2)


@dataclass(frozen=True)
class Affine(Augmentation):
    """Turn, scale, shear and shift each image by draws of its own, after normalisation; labels stay.

    All four are uniform over their ranges and happen in one bilinear interpolation, which blurs a little. What comes
    from outside the image is its nearest pixel or its mirror image.

    Raises:
        ValueError: an option is out of range, or the samples are not images.
    """

    degrees: Annotated[float, Interval(ge=0, le=180)] = 15.0
    """Largest angle of rotation, either way; 0 to 180 degrees."""
    scale: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]] = (0.9, 1.1)
    """Smallest and largest factor; 2 doubles what is shown. Both positive."""
    shear: Annotated[float, Interval(ge=0, lt=90)] = 10.0
    """Largest angle of shear along the rows, either way; 0 to less than 90 degrees."""
    translate: Annotated[float, Ge(0)] = 0.1
    """Largest shift, either way, along rows and columns; a share of the side, at least 0."""
    outside: Outside = "border"
    """What lies outside the image: "border", its nearest pixel, or "reflection", its mirror image."""

    def __post_init__(self) -> None:
        low, high = self.scale
        checks = {
            "degrees": (0 <= self.degrees <= 180, "0 to 180"),
            "scale": (0 < low <= high < inf, "two positive numbers, the smaller first"),
            "shear": (0 <= self.shear < 90, "0 to less than 90 degrees"),
            "translate": (0 <= self.translate < inf, "a share of the side, at least 0"),
        }
        for name, (is_right, expected) in checks.items():
            if not is_right:
                raise ValueError(f"affine: {name} is {getattr(self, name)!r}; expected {expected}")

    def batch(
        self, images: Images, labels: Labels, generator: torch.Generator, num_classes: int
    ) -> tuple[Images, Labels]:
        """Move each image."""
        if images.ndim != 4:
            raise ValueError(f"affine: samples have shape {tuple(images.shape[1:])}; expected images (C, H, W)")
        low, high = self.scale
        # Interpolation would round, though it were at the very places of the pixels.
        if self.degrees == self.shear == self.translate == 0 and low == high == 1:
            return images, labels
        height, width = images.shape[2:]
        draws = torch.rand(5, len(images), generator=generator, device=generator.device).to(images.device)
        # From -1 to 1, but for the scale.
        angle, shear, right, down = draws[1:] * 2 - 1
        maps = inverse_maps(
            self.degrees * angle,
            low + (high - low) * draws[0],
            self.shear * shear,
            self.translate * torch.stack((width * right, height * down), dim=1),
        )
        return warped(images, maps, self.outside), labels
