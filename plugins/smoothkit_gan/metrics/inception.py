"""The Fréchet Inception distance of torchmetrics, where a file of Inception weights is at hand."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from smoothkit.errors import UserError

CHUNK = 64
"""Images of 299 x 299 pixels that Inception sees at a time."""


def inception_distance(
    weights: str, reference: Float32[Tensor, "reference *shape"], samples: Float32[Tensor, "samples *shape"]
) -> float:
    """The FID between images with pixels -1 to 1, as `torchmetrics.image.fid.FrechetInceptionDistance` computes it.

    Features are the 2,048 of the last pooling; images are resized to 299 x 299, bilinearly and with antialiasing. It is
    biased upward for few images (the custom is 50,000; with fewer than 2,048 the covariances are singular too), and its
    weights were trained on photographs: of digits it says little. `weights` is the file that torch-fidelity reads,
    `weights-inception-2015-12-05-6726825d.pth`.

    Raises:
        UserError: torchmetrics or torch-fidelity is not installed, the file is missing or holds something else, or the
            images have neither one channel nor three.
    """
    for images in (reference, samples):
        check_inception(weights, images.shape[1])
    real, fake = (_rgb(images) for images in (reference, samples))
    metric = _metric(weights).to(reference.device)
    for images, is_real in ((real, True), (fake, False)):
        for chunk in images.split(CHUNK):
            metric.update(chunk, real=is_real)
    return float(metric.compute())


def check_inception(weights: str, channels: int) -> None:
    """See that images of so many channels can be measured with this file, without reading all of it.

    Raises:
        UserError: as for `inception_distance`, but for what the file holds.
    """
    if channels not in (1, 3):
        raise UserError(f"evaluate.inception: images have {channels} channels; expected 1 or 3, or leave the key out")
    try:
        import torch_fidelity  # noqa: F401  # pyright: ignore[reportMissingImports]
        import torchmetrics.image.fid  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"evaluate.inception: {error.name} is not installed; install it with: pip install 'smoothkit[inception]', "
            "or leave the key out"
        ) from error
    path = Path(weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"evaluate.inception: there is no file {path}; expected torch-fidelity's Inception weights, "
            "weights-inception-2015-12-05-6726825d.pth"
        )


def _metric(weights: str) -> Any:
    from torchmetrics.image.fid import FrechetInceptionDistance

    path = Path(weights).expanduser()
    try:
        # torch-fidelity unpickles whatever the file holds; this refuses anything but tensors before it does.
        torch.load(path, map_location="meta", weights_only=True)
        return FrechetInceptionDistance(feature_extractor_weights_path=str(path))
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"evaluate.inception: {path} cannot be read as torch-fidelity's Inception weights ({reason}); expected "
            "weights-inception-2015-12-05-6726825d.pth"
        ) from error


def _rgb(images: Float32[Tensor, "images *shape"]) -> UInt8[Tensor, "images 3 height width"]:
    """Colour images of uint8; grey ones have their channel three times."""
    stored = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return stored.expand(-1, 3, -1, -1)
