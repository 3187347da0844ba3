"""What a generator is judged by, for each kind of data, and what it is held against."""

from collections.abc import Mapping
from dataclasses import dataclass

from smoothkit.scenario import Better

BASELINE = "_gaussian"
"""What the scalars of the trivial baseline, a Gaussian fitted to pixels, end in."""


@dataclass(frozen=True)
class Quantity:
    """A scalar of a run's result."""

    name: str
    heading: str
    """Above a column of a table."""
    words: str
    """In a sentence."""
    better: Better | None
    places: int
    percent: bool = False
    """Whether it is a share, to be shown in per cent."""


@dataclass(frozen=True)
class Kind:
    """A kind of data."""

    quantities: tuple[Quantity, ...]
    rows: Mapping[str, tuple[str, ...]]
    """What generators are held against, by its words: what the names of its scalars may end in."""
    note: str
    """What the headings mean."""


MODES = Quantity("modes", "modes", "modes", "higher", 1)
REVERSE_KL = Quantity("reverse_kl", "KL", "reverse KL", "lower", 3)

POINTS = Kind(
    (
        MODES,
        Quantity("high_quality", "near %", "high-quality share", "higher", 1, percent=True),
        REVERSE_KL,
        Quantity("spread", "spread", "spread", None, 2),
    ),
    {"perfect samples": ("_perfect", "_floor")},
    "Near: the high-quality share, of samples within 3 standard deviations of a mode. KL: divergence of the modes' "
    "shares from equal ones, in nats. Spread: width of the modes, 1 for perfect samples.",
)

STACKS = Kind(
    (
        MODES,
        REVERSE_KL,
        Quantity("confident", "confident %", "confident share", "higher", 1, percent=True),
        Quantity("confident_reverse_kl", "their KL", "reverse KL of confident stacks", "lower", 3),
    ),
    {"perfect labels": ("_perfect", "_floor"), "real stacks": ("_real",), "Gaussian pixels": (BASELINE,)},
    "Confident: stacks of whose every channel the classifiers are as sure as of 95 % of real images; a count of modes "
    "takes any noise for some digit. KL: divergence of the modes' shares from equal ones, in nats.",
)


def images(net: str, *, has_inception: bool) -> Kind:
    """Images that are compared in the features of networks with this name."""
    inception = (Quantity("fid", "FID", "FID", "lower", 1),) if has_inception else ()
    return Kind(
        (
            Quantity(f"fd_{net}", "FD", "Fréchet distance", "lower", 2),
            Quantity(f"kid_{net}", "KID", "kernel distance", "lower", 3),
            Quantity("precision", "precision", "precision", "higher", 2),
            Quantity("recall", "recall", "recall", "higher", 2),
            Quantity("density", "density", "density", None, 2),
            Quantity("coverage", "coverage", "coverage", "higher", 2),
            *inception,
        ),
        {"real images": ("_floor",), "Gaussian pixels": (BASELINE,)},
        f"FD, KID: Fréchet and kernel distance in features of {net}, small networks that each run trained: to be "
        "compared within this table only.",
    )


def kind_of(scalars: Mapping[str, float]) -> Kind:
    """The kind of data that a result is about."""
    if "high_quality" in scalars:
        return POINTS
    if "confident" in scalars:
        return STACKS
    net = next(name.removeprefix("fd_").removesuffix("_floor") for name in scalars if is_floor_of_distance(name))
    return images(net, has_inception="fid" in scalars)


def is_floor_of_distance(name: str) -> bool:
    """Whether a scalar is the floor of a Fréchet distance, whose name holds that of the feature networks."""
    return name.startswith("fd_") and name.endswith("_floor")
