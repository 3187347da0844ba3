"""What training leaves of one member for its evaluation."""

from dataclasses import dataclass

from torch import nn

from smoothkit.targets import Target
from smoothkit_selftrain.chronicle import Chronicle
from smoothkit_selftrain.data.parts import Parts


@dataclass(frozen=True, eq=False)
class Trained:
    """One member as it is measured: a copy of its network and chronicle, which training does not move, and the targets
    of the training, as they are at its end and not at that of `selected_round`."""

    model: nn.Module
    """Its network, plain and in evaluation mode, on the device."""
    parts: Parts
    chronicle: Chronicle
    """Of this member alone."""
    target: Target
    """Of labelled samples."""
    pseudo_target: Target
    """Of pseudo-labels."""
    selected_round: int
    """The round whose weights `model` has: the one just ended, or the best on the held-out samples."""
