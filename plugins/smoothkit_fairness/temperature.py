"""Temperatures of a classifier: one for all rows and one for each group, fitted on validation rows only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from smoothkit.errors import UserError
from smoothkit.measurement import fitted_temperature
from smoothkit.metrics.boundary import Labels
from smoothkit_fairness.names import Stage

LEAST_ROWS = 100
"""Validation rows from which on a group has a temperature of its own: with 100 rows its standard error is about a fifth
of it for two classes and a tenth for ten, with 50 rows a third and a seventh."""


@dataclass(frozen=True, kw_only=True)
class Temperatures:
    """What logits are divided by; NaN where no temperature is best, or where there are too few rows to tell."""

    overall: float
    """The one that suits all validation rows best."""
    by_group: Mapping[str, float]
    """The one that suits the group's rows best, by name in the order of the groups; NaN where it has none of its own,
    and the overall one takes its place."""

    @property
    def defined(self) -> bool:
        """Whether there is one for all rows, and so one for each group."""
        return self.overall > 0

    def scaled(self, logits: Float[Tensor, "rows classes"]) -> Float64[Tensor, "rows classes"]:
        """The logits after the one temperature."""
        return logits.double() / self.overall

    def scaled_by_group(
        self, logits: Float[Tensor, "rows classes"], groups: Int[Tensor, " rows"]
    ) -> Float64[Tensor, "rows classes"]:
        """The logits after the temperature of each row's group: no prediction changes, but the order of confidences of
        rows of different groups does."""
        own = torch.tensor(list(self.by_group.values()), dtype=torch.float64)
        return logits.double() / own.where(own > 0, self.overall)[groups, None]


def fit_temperatures(
    logits: Float[Tensor, "rows classes"], labels: Labels, groups: Int[Tensor, " rows"], names: Sequence[str]
) -> Temperatures:
    """The temperatures of least NLL on these rows, which are to be validation rows.

    A group has one of its own from `LEAST_ROWS` rows on, and if one is best there: none is where every prediction is
    right, or where they are no better than chance.
    """
    chosen = {name: groups == index for index, name in enumerate(names)}
    return Temperatures(
        overall=fitted_temperature(logits, labels),
        by_group={
            name: fitted_temperature(logits[rows], labels[rows]) if int(rows.sum()) >= LEAST_ROWS else float("nan")
            for name, rows in chosen.items()
        },
    )


def stages_of(
    asked: Literal["none", "overall", "by-group"],
    temperatures: Temperatures,
    logits: Float[Tensor, "rows classes"],
    groups: Int[Tensor, " rows"],
) -> dict[Stage, Float[Tensor, "rows classes"]]:
    """The logits to be measured, by stage: those that the file asks for, and where it asks for none all three.

    Where no temperature is best and none was asked for, the logits are measured as they are and in no other way.

    Raises:
        UserError: one was asked for, and none is best.
    """
    if asked == "none" and not temperatures.defined:
        return {"": logits}
    if not temperatures.defined:
        raise UserError(
            f"evaluate.temperature = {asked!r}: no temperature suits the validation part best, since its predictions "
            "are all right or no better than chance; enlarge data.validation, or measure with temperature = 'none'"
        )
    if asked == "overall":
        return {"": temperatures.scaled(logits)}
    if asked == "by-group":
        return {"": temperatures.scaled_by_group(logits, groups)}
    return {
        "": logits,
        "_scaled": temperatures.scaled(logits),
        "_scaled_by_group": temperatures.scaled_by_group(logits, groups),
    }
