"""The cells of the experiment: which law, and groups of which sizes."""

import itertools
from typing import Literal, NamedTuple

from smoothkit_fairness.null.laws import LawName

Kind = Literal["false_alarms", "coverage", "bias"]
"""What is measured in a cell: the share of studies in which a gap is called; the share of 95 % intervals of one group
that hold the truth; the mean of the reported gap between two groups of one law, whose truth is 0."""


class Cell(NamedTuple):
    """A law, and the rows of the groups that are drawn from it: two are compared, one is measured by itself."""

    law: LawName
    rows: tuple[int, ...]

    @property
    def name(self) -> str:
        """What results call it.

        >>> Cell("mild", (3000, 150)).name
        'mild 3000 and 150'
        """
        return f"{self.law} {' and '.join(map(str, self.rows))}"


LAWS: tuple[LawName, ...] = ("calibrated", "mild", "strong")

CELLS: dict[Kind, tuple[Cell, ...]] = {
    "false_alarms": tuple(itertools.starmap(Cell, itertools.product(LAWS, ((3000, 150), (3000, 600))))),
    "coverage": tuple(itertools.starmap(Cell, itertools.product(LAWS, ((150,), (500,), (2000,))))),
    "bias": (
        *(Cell(law, rows) for law in LAWS for rows in ((5000, 150), (5000, 500))),
        Cell("calibrated", (50_000, 1000)),
    ),
}


def scalar_of(kind: Kind, cell: Cell) -> str:
    """The scalar of one cell.

    >>> scalar_of("coverage", Cell("strong", (500,)))
    'coverage/strong 500'
    """
    return f"{kind}/{cell.name}"
