"""What the teacher said of every unlabelled sample, round by round: what confirmation bias is measured on."""

from typing import NamedTuple

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from smoothkit_selftrain.labelling.labelled import PseudoLabels


class Noted(NamedTuple):
    """The pseudo-labels of one member at the end of one round, on the CPU."""

    classes: Int64[Tensor, " samples"]
    """The most probable class."""
    confidence: Float32[Tensor, " samples"]
    """Its probability after alignment, before any sharpening; 0 to 1."""
    weights: Float32[Tensor, " samples"]
    """How much is learned from each; 0 for what the rule leaves out, at most 1."""


class Chronicle(nn.Module):
    """The pseudo-labels of all members at the ends of rounds 0 … `rounds`; all of it is saved with a checkpoint."""

    classes: Tensor
    confidence: Tensor
    weights: Tensor
    is_noted: Tensor

    def __init__(self, members: int, rounds: int, samples: int):
        super().__init__()
        shape = (members, rounds + 1, samples)
        # Checkpoints hold all of this, so that it is half as large as labels usually are.
        self.register_buffer("classes", torch.zeros(shape, dtype=torch.int32))
        self.register_buffer("confidence", torch.zeros(shape))
        self.register_buffer("weights", torch.zeros(shape))
        self.register_buffer("is_noted", torch.zeros(shape[:2], dtype=torch.bool))

    @property
    def rounds(self) -> tuple[int, ...]:
        """The rounds that were noted, in ascending order."""
        return tuple(self.is_noted[0].nonzero().flatten().tolist())

    @torch.no_grad()
    def note(self, round: int, pseudo: PseudoLabels) -> None:
        """Keep what is said at the end of `round`, of every unlabelled sample in their order, by all members."""
        self.classes[:, round] = pseudo.classes.to(torch.int32)
        self.confidence[:, round] = pseudo.confidence
        self.weights[:, round] = pseudo.weights
        self.is_noted[:, round] = True

    def member(self, index: int) -> "Chronicle":
        """A copy of one member's part, that training does not move."""
        _, rounds, samples = self.classes.shape
        own = Chronicle(1, rounds - 1, samples).to(self.classes.device)
        own.load_state_dict({name: each[index : index + 1] for name, each in self.state_dict().items()})
        return own

    def of(self, round: int) -> Noted:
        """What the only member of this chronicle noted at the end of `round`.

        Raises:
            ValueError: there are several members, or nothing was noted of that round.
        """
        if len(self.classes) != 1:
            raise ValueError(f"the chronicle is of {len(self.classes)} members: take one by `member(index)`")
        if round not in self.rounds:
            raise ValueError(f"round {round} was not noted; the chronicle holds {list(self.rounds)}")
        classes, confidence, weights = (each[0, round].cpu() for each in (self.classes, self.confidence, self.weights))
        return Noted(classes.long(), confidence.clone(), weights.clone())
