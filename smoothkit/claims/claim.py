"""What a claim is: statements, what each says of numbers that can be measured, and who measures them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from smoothkit.report.figures import Figure

Relation = Literal["equals", "above", "below"]
Lab = TypeVar("Lab")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a statement says of one number, in one convention or one condition."""

    key: str
    """What tells the cases of a statement apart, such as `all` or `alpha 0.2`; also what the verdict says it of."""
    relation: Relation
    expected: float
    """The number that is measured equals it, or lies above or below it, if the statement is true."""
    within: float = 0.0
    """How far from `expected` still counts as equal; for `equals` alone."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One sentence that is true or not."""

    key: str
    """Its name within the claim."""
    text: str
    """The sentence, as a textbook might put it, or as it should have."""
    cases: tuple[Case, ...]
    of_training: bool = False
    """Whether it is about what training leads to, which differs from run to run: one run shows nothing of it."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was measured for a claim, with one seed."""

    values: Mapping[str, float]
    """The measured numbers by `place` of statement and case; NaN where one is not defined."""
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Claim(Generic[Lab]):
    """Statements about one subject, measured together in a laboratory of the scenario's own making."""

    name: str
    title: str
    source: str
    """Who states it, and where it is derived or refuted."""
    statements: tuple[Statement, ...]
    measure: Callable[[Lab], Evidence]


def cases(
    keys: Iterable[str], relation: Relation, expected: float | Mapping[str, float], within: float = 0.0
) -> tuple[Case, ...]:
    """A case for each key, all of the same number, or each of its own in a mapping.

    >>> [case.expected for case in cases(("all", "others"), "below", {"others": 0.9, "all": 0.91})]
    [0.91, 0.9]
    """
    keys = tuple(keys)
    numbers = expected if isinstance(expected, Mapping) else dict.fromkeys(keys, expected)
    return tuple(Case(key=key, relation=relation, expected=numbers[key], within=within) for key in keys)


def place(statement: str, case: str) -> str:
    """Where the value of a case stands in `Evidence.values`.

    >>> place("margin", "all")
    'margin/all'
    """
    return f"{statement}/{case}"
