"""The trivial generator: a Gaussian with the mean and the covariance of the training images' pixels."""

import torch
from jaxtyping import Float32
from torch import Tensor


def gaussian_images(
    images: Float32[Tensor, "images *shape"], count: int, generator: torch.Generator
) -> Float32[Tensor, "count *shape"]:
    """`count` draws from the Gaussian fitted to the pixels of `images`, cut to -1 … 1, the range of pixels.

    It knows which pixels go together, and nothing else: a GAN whose samples are no nearer to real ones has learnt
    nothing beyond that. `generator` is on the CPU.

    Raises:
        ValueError: there are fewer than 2 images.
    """
    if len(images) < 2:
        raise ValueError(f"gaussian_images: there are {len(images)} images; expected at least 2")
    pixels = images.flatten(1)
    mean = pixels.mean(0)
    # RᵀR is the covariance, of whatever rank it is.
    factor = torch.linalg.qr((pixels - mean) / (len(pixels) - 1) ** 0.5, mode="r").R
    normal = torch.randn(count, len(factor), generator=generator).to(images.device)
    return (mean + normal @ factor).clamp(-1, 1).unflatten(1, images.shape[1:])
