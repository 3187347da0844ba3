"""What an augmentation is: a map of pixel coordinates, a change of the normalised batch, or both."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor
from torch.nn import functional as F

Rows = Int64[Tensor, "batch height"]
Columns = Int64[Tensor, "batch width"]
Images = Float32[Tensor, "batch ..."]
Labels = Int64[Tensor, " batch"] | Float32[Tensor, "batch classes"]


class Augmentation:
    """A random change of training batches. A subclass implements one of the two stages, or both.

    All randomness comes from `generator`. Draw on `generator.device` and move the draws to the data: the host passes a
    generator on the CPU, so that a CPU and a GPU see the same augmentation.
    """

    def coordinates(self, rows: Rows, columns: Columns, generator: torch.Generator) -> tuple[Rows, Columns]:
        """Change which pixel of the stored image each output pixel shows, before normalisation.

        Output pixel (i, j) of sample b shows stored pixel (rows[b, i], columns[b, j]). Flips and reflecting crops
        are such maps, and maps compose: however many there are, the pixels are moved once.
        """
        return rows, columns

    def batch(
        self, images: Images, labels: Labels, generator: torch.Generator, num_classes: int
    ) -> tuple[Images, Labels]:
        """Change the normalised batch; labels may become soft, (N, K). Neither argument is written to."""
        return images, labels


def distinct(axis: Int64[Tensor, "batch size"]) -> Int64[Tensor, "lines size"]:
    """The lines of a coordinate map, or the first alone while all samples still share it: then one is cheaper to map.

    >>> distinct(torch.arange(4).expand(3, 4))
    tensor([[0, 1, 2, 3]])
    """
    return axis[:1] if axis.stride(0) == 0 else axis


def soft_labels(labels: Labels, num_classes: int) -> Float32[Tensor, "batch classes"]:
    """Labels as distributions: one-hot rows for class indices, soft labels as they are."""
    return labels if labels.ndim == 2 else F.one_hot(labels, num_classes).float()


def check_probability(owner: str, name: str, value: float) -> None:
    """Check that an option is a probability.

    Raises:
        ValueError: it is not.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{owner}: {name} is {value}; expected a probability, 0 to 1")
