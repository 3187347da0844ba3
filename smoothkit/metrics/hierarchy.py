"""A class tree as measures need it: how far apart its classes are, and which of them are one at a coarser level."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics.boundary import Labels, blocks
from smoothkit.metrics.events import Events
from smoothkit.targets.trees import Tree, TreeLike, common_depths, read_tree, tree_distances

LARGEST = 127
"""Heights are kept in int8."""


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Heights of the lowest common ancestors of all pairs of classes, K x K; all that measures know of a tree."""

    heights: Int8[Tensor, "classes classes"]
    """0 on the diagonal; the number of edges from the lowest common ancestor down to the deepest class under it."""
    common_depths: Int8[Tensor, "classes classes"] | None = None
    """How many edges the lowest common ancestor, or on the diagonal the class, is below the root; None if unknown."""

    @classmethod
    def from_tree(cls, tree: TreeLike, num_classes: int, classes: Sequence[str] | None = None) -> "Hierarchy":
        """Read a tree in any of the forms that the hierarchical targets take; a matrix holds heights, whole numbers.

        Raises:
            ValueError: naming the wrong node of a tree; a matrix whose numbers are not whole; one class, or a tree
                deeper than 127.

        >>> Hierarchy.from_tree([[0, 1], [2]], 3).heights
        tensor([[0, 1, 2],
                [1, 0, 2],
                [2, 2, 0]], dtype=torch.int8)
        """
        if num_classes < 2:
            raise ValueError(f"hierarchy: there must be at least 2 classes, got {num_classes}")
        found = read_tree(tree, num_classes, classes)
        is_tree = isinstance(found, Tree)
        heights = tree_distances(found, num_classes, "height") if is_tree else found
        depths = common_depths(found, num_classes) if is_tree else None
        for name, numbers in (("height", heights), ("depth", depths)):
            if numbers is not None and (numbers.max() > LARGEST or not torch.equal(numbers, numbers.round())):
                raise ValueError(
                    f"hierarchy: the largest {name} is {numbers.max().item():g}; expected whole numbers up to {LARGEST}"
                )
        return cls(heights.to(torch.int8), None if depths is None else depths.to(torch.int8))

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.heights)

    @property
    def height(self) -> int:
        """The height of the tree: the largest of the heights."""
        return int(self.heights.max())

    def groups(self, level: int) -> Int64[Tensor, " classes"]:
        """The group of each class at a level: two classes share one if their lowest common ancestor is no higher.

        Groups count from 0 in the order of their first class. At level 0 each class is a group, at `height` all are
        one.

        Raises:
            ValueError: the level is not in 0 to `height`, or heights that were given as a matrix make no tree there.

        >>> Hierarchy.from_tree([[0, 1], [2]], 3).groups(1)
        tensor([0, 0, 1])
        """
        if not 0 <= level <= self.height:
            raise ValueError(f"hierarchy: the level must lie in 0..{self.height}, got {level}")
        together = self.heights <= level
        first = together.byte().argmax(dim=1)
        groups = torch.unique(first, return_inverse=True)[1]
        if not torch.equal(groups[:, None] == groups, together):
            raise ValueError(
                f"hierarchy: at level {level} a class is near two classes that are not near each other; "
                "expected the heights of a tree"
            )
        return groups

    def require_classes(self, metric: str, outputs: Float[Tensor, "rows classes"]) -> None:
        """Refuse outputs for another number of classes than the tree has.

        Raises:
            ValueError: naming `metric` and both numbers.
        """
        if outputs.shape[-1] != self.num_classes:
            raise ValueError(
                f"{metric}: the tree holds {self.num_classes} classes, the outputs {outputs.shape[-1]}; "
                "expected the same number"
            )

    def require_places(self, metric: str, k: int) -> None:
        """Refuse to look at the first `k` classes where there are fewer, or at none.

        Raises:
            ValueError: naming `metric` and both numbers.
        """
        if not 1 <= k <= self.num_classes:
            raise ValueError(f"{metric}: k must lie in 1..{self.num_classes}, the number of classes, got {k}")


def level_events(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    hierarchy: Hierarchy,
    level: int,
    *,
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Events:
    """The events that the most probable group of classes at a level of the tree holds the label.

    The probability of a group is the sum of its classes'; of equal ones the first group is predicted. Level 0 are the
    classes themselves, the tree's height is the root; between them, `Hierarchy.groups` says which classes are one.

    Raises:
        ValueError: there is no such level, or as the boundary says.
    """
    hierarchy.require_classes("level_events", outputs)
    groups = hierarchy.groups(level).to(outputs.device)
    members = F.one_hot(groups).double()
    parts = []
    for block in blocks("level_events", outputs, labels, from_logits=from_logits, ignore_index=ignore_index):
        masses = (block.probs @ members).clamp(max=1.0)
        # To 12 decimals, so that the rounding of a sum breaks no tie.
        predicted = masses.round(decimals=12).argmax(dim=1, keepdim=True)
        inside = (groups == predicted).double()
        parts.append((masses.gather(1, predicted).squeeze(1), block.expected(inside).clamp(max=1.0)))
    return Events.joined(parts)
