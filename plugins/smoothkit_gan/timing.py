"""What changes during training, as functions of how much of it is done."""

import math

from smoothkit.schedules import Shape


def lr_factor(schedule: "str | Shape", progress: float) -> float:
    """What the peak learning rate is multiplied by.

    >>> [lr_factor("linear", progress) for progress in (0.0, 0.75)], lr_factor("cosine", 0.5)
    ([1.0, 0.25], 0.5)
    """
    if isinstance(schedule, Shape):
        return value_at(schedule, progress)
    if schedule == "constant":
        return 1.0
    return 1 - progress if schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2


def value_at(value: "float | Shape", progress: float) -> float:
    """A number, or that of a schedule at this time.

    >>> from smoothkit.schedules import Linear
    >>> value_at(0.1, 0.5), value_at(Linear(shape="linear", start=1.0, end=0.0), 0.75)
    (0.1, 0.25)
    """
    return value.build().value(progress, epochs_done=0) if isinstance(value, Shape) else value
