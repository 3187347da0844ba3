"""`[target.schedule]`: how options of the target change during training, as a scenario file writes it.

These tables say what `smoothkit.targets.schedule` does, which imports torch; reading their types does not.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge
from pydantic import BeforeValidator, Field, model_validator

from smoothkit.config import Config

if TYPE_CHECKING:
    from smoothkit.targets import schedule


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# A component's table is taken apart before its fields are validated, and then a list no longer passes for a tuple.
Numbers = Annotated[tuple[float, ...], BeforeValidator(_as_tuple)]


class Shape(Config):
    """An option's values over the training."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Shape":
        self.build()
        return self

    def build(self) -> "schedule.AnyShape":
        """The schedule itself, of the same name and fields.

        Raises:
            ValueError: the values do not fit together.
        """
        from smoothkit.targets import schedule

        return getattr(schedule, type(self).__name__)(**dict(self))


class Linear(Shape):
    """A straight line over the whole training."""

    shape: Literal["linear"]
    """A straight line."""
    start: float
    """The value before the first step."""
    end: float
    """The value that the last step comes close to."""


class Cosine(Shape):
    """Half a cosine wave over the whole training."""

    shape: Literal["cosine"]
    """Half a cosine wave: flat at both ends, steepest in the middle."""
    start: float
    """The value before the first step."""
    end: float
    """The value that the last step comes close to."""


class Step(Shape):
    """One value after another."""

    shape: Literal["step"]
    """One value after another."""
    values: Numbers
    """The values in turn, two or more."""
    at: Numbers
    """The fractions of the training, rising, where each value after the first begins."""


class Polyline(Shape):
    """Straight lines from value to value."""

    shape: Literal["polyline"]
    """Straight lines from value to value."""
    values: Numbers
    """The values in turn, two or more."""
    at: Numbers
    """The fractions of the training, rising from 0 to 1, where each value is reached."""
    log: bool = False
    """Whether lines are straight on a logarithmic scale."""


class Alternate(Shape):
    """The values in turn, again and again."""

    shape: Literal["alternate"]
    """The values in turn, again and again."""
    values: Numbers
    """The values, two or more."""
    every: Annotated[int, Ge(1)] = 1
    """Epochs that each value holds."""


Schedule = Annotated[Linear | Cosine | Step | Polyline | Alternate, Field(discriminator="shape")]
