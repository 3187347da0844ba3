"""Figures as data: what an evaluation found worth drawing, kept as numbers so that any renderer can draw it.

A figure is stored in `result.json`; TensorBoard, the report and a user's own script draw it from there.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What every figure has."""

    kind: ClassVar[str]
    title: str

    def to_json(self) -> dict[str, Any]:
        """The figure as JSON-serialisable data; `figure_from_json` is its inverse."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class MatrixFigure(Figure):
    """A matrix with named rows and columns, such as a target matrix; None where an entry is not defined."""

    kind: ClassVar[str] = "matrix"
    values: tuple[tuple[float | None, ...], ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_label: str
    column_label: str


@dataclass(frozen=True, kw_only=True)
class ReliabilityFigure(Figure):
    """Accuracy against confidence, per bin of confidence; a calibrated model lies on the diagonal."""

    kind: ClassVar[str] = "reliability"
    edges: tuple[float, ...]
    """Bin edges, one more than there are bins."""
    counts: tuple[int, ...]
    confidence: tuple[float | None, ...]
    """Mean confidence in each bin; None where it is empty."""
    accuracy: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class CurvesFigure(Figure):
    """Curves over a common axis."""

    kind: ClassVar[str] = "curves"
    x_label: str
    y_label: str
    x: dict[str, tuple[float, ...]]
    """Abscissae by curve name."""
    y: dict[str, tuple[float | None, ...]]
    """Ordinates by curve name."""


KINDS: dict[str, type[Figure]] = {cls.kind: cls for cls in (MatrixFigure, ReliabilityFigure, CurvesFigure)}


def figure_from_json(data: dict[str, Any]) -> Figure:
    """The figure that `Figure.to_json` stored.

    Raises:
        KeyError: the kind is unknown to this version.
    """
    return KINDS[data["kind"]](**{name: _tuples(value) for name, value in data.items() if name != "kind"})


def _tuples(value: Any) -> Any:
    """JSON has lists where the figures have tuples."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value
