"""What self-training is judged by: names of scalars, and what they are called in tables and sentences."""

from dataclasses import dataclass

from smoothkit.scenario import Better


@dataclass(frozen=True)
class Quantity:
    """A scalar of a run's result."""

    name: str
    heading: str
    """Above a column of a table, with its unit."""
    words: str
    """In a sentence."""
    better: Better | None = None
    is_percent: bool = True
    """Whether it is a share, to be told in per cent."""
    places: int = 1

    @property
    def scale(self) -> float:
        """What values are multiplied by before they are told."""
        return 100.0 if self.is_percent else 1.0


ACCURACY = Quantity("accuracy", "test %", "test accuracy", "higher")
ECE = Quantity("ece", "ECE %", "ECE on test", "lower")
SELECTED_SHARE = Quantity("pseudo_selected_share", "selected %", "selected share")
PERSISTENCE = Quantity("pseudo_persistence", "persist %", "persistence of errors", "lower")
CORRUPTION = Quantity("pseudo_corruption", "corrupt %", "corruption", "lower")
HEADROOM = Quantity("cap_headroom", "headroom", "cap minus threshold", is_percent=False, places=3)
TRANSDUCTION = Quantity("transduction", "unlabelled %", "accuracy on the unlabelled samples", "higher")
PSEUDO_ECE = Quantity("pseudo_ece", "ECE %", "ECE of pseudo-labels", "lower")

RIGHT_OF_SELECTED = Quantity("pseudo_accuracy_selected", "of these %", "accuracy of selected ones", "higher")

WORTH = (
    ACCURACY,
    Quantity("pseudo_accuracy", "right %", "accuracy of pseudo-labels", "higher"),
    SELECTED_SHARE,
    RIGHT_OF_SELECTED,
)
BIAS = (
    Quantity("pseudo_confidence_wrong", "sure wrong %", "confidence of wrong ones", "lower"),
    PSEUDO_ECE,
    PERSISTENCE,
)
ROUNDS = (*WORTH, *BIAS)
"""What is told of each round: what labels and model are worth, and what became of errors."""

COMPARED = (ACCURACY, ECE, PSEUDO_ECE, PERSISTENCE, CORRUPTION)
"""What variants are compared in."""

SCALARS = (ACCURACY, ECE, PERSISTENCE, CORRUPTION, SELECTED_SHARE, TRANSDUCTION)
"""The columns of the final table.

The amplification of errors is none of them: single seeds that begin without an error have none, and the mean of the
others is not that of the mean errors, which the conclusion tells.
"""

ANCHORS = {
    "supervised": "logistic regression, labelled only",
    "self-training": "SelfTrainingClassifier",
    "label-propagation": "LabelPropagation",
    "label-spreading": "LabelSpreading",
}
"""What the methods of scikit-learn are called, by their names in a scenario file."""
