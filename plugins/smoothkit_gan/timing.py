"""What changes during training, as functions of how much of it is done."""

from collections.abc import Mapping

from smoothkit.schedules import Cosine, Linear, Shape

NAMED: Mapping[str, float | Shape] = {
    "constant": 1.0,
    "linear": Linear(shape="linear", start=1.0, end=0.0),
    "cosine": Cosine(shape="cosine", start=1.0, end=0.0),
}
"""What a schedule that has a name is short for."""


def lr_factor(schedule: "str | Shape", progress: float) -> float:
    """What the peak learning rate is multiplied by.

    >>> [lr_factor("linear", progress) for progress in (0.0, 0.75)], lr_factor("cosine", 0.5)
    ([1.0, 0.25], 0.5)
    """
    return value_at(NAMED[schedule] if isinstance(schedule, str) else schedule, progress)


def value_at(value: "float | Shape", progress: float) -> float:
    """A number, or that of a schedule at this time.

    >>> from smoothkit.schedules import Linear
    >>> value_at(0.1, 0.5), value_at(Linear(shape="linear", start=1.0, end=0.0), 0.75)
    (0.1, 0.25)
    """
    return value.build().value(progress, epochs_done=0) if isinstance(value, Shape) else value
