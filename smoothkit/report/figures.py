"""Figures as data: what an evaluation found worth drawing, kept as numbers so that any renderer can draw it.

A figure is stored in `result.json`; TensorBoard, the report and a user's own script draw it from there.

A plugin may bring a kind of its own, as a frozen keyword-only dataclass in its package that derives from `Figure` and
says how it looks (`draw`) and what it shows (`describe`). Results store it as `"kind": "package.module:Class"`.
"""

import sys
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, ClassVar

from smoothkit.report.stored import read_as


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What every figure has."""

    kind: ClassVar[str]
    """How results name the class; a plugin's class is named by its place, whatever it says itself."""
    title: str

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        if cls.__module__ != __name__:
            cls.kind = f"{cls.__module__}:{cls.__qualname__}"

    def to_json(self) -> dict[str, Any]:
        """The figure as JSON-serialisable data; `figure_from_json` is its inverse."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Figure":
        """The figure that `to_json` stored; fields that this version does not know are left out.

        Raises:
            ValueError: a field is missing, or is not what the class says.
        """
        fields = {name: value for name, value in data.items() if name != "kind"}
        return read_as(cls, fields)

    def draw(self) -> Any:
        """A `matplotlib.figure.Figure` of it, for plugins' own kinds; the built-in kinds have pictures of their own.

        The house style holds while it runs. Colours are the plugin's, ink that is left at its default follows the
        reader's light or dark theme.

        Raises:
            NotImplementedError: the plugin left it out.
        """
        raise NotImplementedError(f"{type(self).__qualname__} has no draw() that returns a matplotlib Figure")

    def describe(self) -> str:
        """What the picture shows, in numbers, for readers who cannot see it; plugins say more than the title."""
        return self.title


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
    """Accuracy against confidence, per bin of confidence; a calibrated model lies on the diagonal.

    Whatever is None was not computed, and is not shown.
    """

    kind: ClassVar[str] = "reliability"
    edges: tuple[float, ...]
    """Bin edges, one more than there are bins."""
    counts: tuple[int, ...]
    confidence: tuple[float | None, ...]
    """Mean confidence in each bin; None where it is empty."""
    accuracy: tuple[float | None, ...]
    low: tuple[float | None, ...] | None = None
    """Lower ends of the 95 % intervals of accuracy (Wilson's), None in empty bins."""
    high: tuple[float | None, ...] | None = None
    ece: float | None = None
    """Expected calibration error; that of these bins if None."""
    null_ece: float | None = None
    """What the expected calibration error of a calibrated model would be with so many rows in these bins."""
    gap: float | None = None
    """Mean confidence minus accuracy, positive where over-confident; that of these bins if None."""
    gap_low: float | None = None
    """Lower end of the 95 % interval of `gap`."""
    gap_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class GroupReliabilityFigure(Figure):
    """Reliability of several groups of samples, in the same bins."""

    kind: ClassVar[str] = "group-reliability"
    groups: dict[str, ReliabilityFigure]


@dataclass(frozen=True, kw_only=True)
class IntervalsFigure(Figure):
    """A forest plot: estimates with their intervals, each on a line of its own."""

    kind: ClassVar[str] = "intervals"
    names: tuple[str, ...]
    estimates: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    counts: tuple[int, ...]
    """Rows that each estimate is from."""
    x_label: str
    reference: float = 0.0
    """Where there would be nothing to see."""


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
    low: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    """Lower ends of bands by curve name; a curve that is not named here has none."""
    high: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    """Abscissae with a thin upright line, by the words that stand at it; one that is not finite is left out."""


@dataclass(frozen=True, kw_only=True)
class UnreadableFigure(Figure):
    """A figure that this process cannot read: its kind is unknown, or what is stored does not fit the kind."""

    kind: ClassVar[str] = "unreadable"
    reason: str
    data: dict[str, Any]
    """What is stored, so that it can be stored again as it was."""

    def to_json(self) -> dict[str, Any]:
        """What was stored."""
        return self.data


KINDS: dict[str, type[Figure]] = {
    cls.kind: cls for cls in (MatrixFigure, ReliabilityFigure, GroupReliabilityFigure, IntervalsFigure, CurvesFigure)
}


def figure_from_json(data: dict[str, Any]) -> Figure:
    """The figure that `Figure.to_json` stored, or an `UnreadableFigure` that says why there is none.

    >>> figure_from_json({"kind": "missing_package:Waterfall", "title": "Loss"}).reason
    "no plugin here provides the figure 'missing_package:Waterfall': install or load the one that does"
    """
    kind = str(data.get("kind"))
    try:
        return _find(kind).from_json(data)
    except (ImportError, AttributeError):
        reason = f"no plugin here provides the figure {kind!r}: install or load the one that does"
    except ValueError as error:
        reason = f"what is stored does not fit the figure {kind!r}: {error}"
    except Exception as error:
        # Importing a plugin runs its code; a broken one must not take the other numbers of a result with it.
        reason = f"the figure {kind!r} cannot be read: {error!r}"
    return UnreadableFigure(title=str(data.get("title", "")), reason=reason, data=data)


def _find(kind: str) -> type[Figure]:
    """The class of a kind.

    A result may come from anywhere, so it cannot have any module imported: only those of packages that registered as
    plugins, and what was loaded by then, such as one-file plugins.
    """
    if kind in KINDS:
        return KINDS[kind]
    module, _, name = kind.partition(":")
    if module not in sys.modules and module.partition(".")[0] not in _plugin_packages():
        raise ImportError(module)
    cls = getattr(import_module(module), name)
    if not (isinstance(cls, type) and issubclass(cls, Figure)):
        raise ValueError(f"{kind} is no Figure")
    return cls


@cache
def _plugin_packages() -> frozenset[str]:
    return frozenset(point.module.partition(".")[0] for point in entry_points(group="smoothkit"))
