"""Targets whose alpha depends on the group: a target of the core for each, joined in one."""

from collections.abc import Mapping
from inspect import signature

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from smoothkit.data import Dataset
from smoothkit.errors import UserError, nearest
from smoothkit.run import Run
from smoothkit.scenario import TargetConfig
from smoothkit.targets import MetaSmoothing, Target, Wrapper
from smoothkit.targets.base import Need
from smoothkit.targets.loss.forms import as_form
from smoothkit.targets.rows import Rows, Scale
from smoothkit_fairness.config import FairnessConfig


class TargetByGroup(Wrapper):
    """A target for each of some groups, and one that the other groups share.

    Samples are told by their number: `groups` holds each one's group, in the order of the training part, and a call
    needs `index`. The loss of a row is that of its group's target. What a target learns or estimates, such as C of
    "ls++" or S of "ols", is each target's own, from the samples of its groups alone; only the validation part is told
    to all of them whole.

    >>> from smoothkit.targets import LabelSmoothing
    >>> named = {1: LabelSmoothing(2, alpha=0.5)}
    >>> target = TargetByGroup(LabelSmoothing(2, alpha=0.1), named, groups=torch.tensor([0, 1]))
    >>> target.distribution(torch.tensor([0, 0]), index=torch.tensor([1, 0]))
    tensor([[0.7500, 0.2500],
            [0.9500, 0.0500]])
    """

    places: Tensor

    def __init__(self, target: Target, named: Mapping[int, Target], groups: Int64[Tensor, " samples"]):
        super().__init__(target)
        self.named = nn.ModuleList(named.values())
        places = torch.zeros_like(groups)
        for place, group in enumerate(named, start=1):
            places[groups == group] = place
        # Where each sample's target stands in `inner`. It follows from the data, so a checkpoint need not hold it.
        self.register_buffer("places", places, persistent=False)

    @property
    def needs(self) -> frozenset[Need]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the targets need, and the numbers of the samples."""
        return self.target.needs | frozenset[Need]({"index"})

    def inner(self) -> list[Target]:
        """The shared target, then those of the named groups."""
        return [module for module in (self.target, *self.named) if isinstance(module, Target)]

    def target_rows(self, rows: Rows) -> Float[Tensor, "rows classes"]:
        """Those of each row's target."""
        parts = self._parts(rows.given_index())
        found = [as_form(target.target_rows(rows_at(rows, part))).dense() for target, part in parts]
        return in_order(found, [part for _, part in parts])

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """That of each row's target."""
        parts = self._parts(rows.given_index())
        losses = [target.row_loss(rows_at(rows, part)) for target, part in parts]
        return in_order(losses, [part for _, part in parts])

    def total_loss(self, rows: Rows, scale: Scale) -> Float[Tensor, ""]:
        """The sum of the scaled losses of the rows."""
        return Target.total_loss(self, rows, scale)

    def quick_loss(self, rows: Rows) -> None:
        """No such way: it would not know the groups."""
        return

    def update(self, logits: Tensor, labels: Tensor, *, index: Tensor | None = None) -> None:
        """Give each target the statistics of its groups' samples.

        Raises:
            ValueError: `index` is not given.
        """
        if index is None:
            raise ValueError("this target goes by groups: give index=, each sample's number in the training set")
        for target, part in self._parts(index):
            target.update(logits[part], labels[part], index=index[part])

    def _parts(self, index: Tensor) -> list[tuple[Target, Int64[Tensor, " part"]]]:
        """Each target with the rows of a batch that are its own.

        A target without rows is among them: its parameters then have a gradient of 0, and not none, so that several
        processes hold gradients of the same parameters whatever groups their shares have.
        """
        places = self.places[index]
        return [(target, (places == place).nonzero().flatten()) for place, target in enumerate(self.inner())]


def rows_at(rows: Rows, part: Int64[Tensor, " part"]) -> Rows:
    """Some of the rows."""
    by_row = {name: getattr(rows, name) for name in ("labels", "logits", "ignored", "teacher", "index")}
    return rows._replace(**{name: None if values is None else values[part] for name, values in by_row.items()})


def in_order(values: list[Tensor], parts: list[Int64[Tensor, " _"]]) -> Float[Tensor, "rows ..."]:
    """The values of the rows in `parts`, put back in the order of the rows.

    >>> in_order([torch.tensor([0.2]), torch.tensor([0.1, 0.3])], [torch.tensor([1]), torch.tensor([0, 2])])
    tensor([0.1000, 0.2000, 0.3000])
    """
    return torch.cat(values)[torch.cat(parts).argsort()]


def make_target(config: FairnessConfig, run: Run, data: Dataset) -> Target:
    """The target of `[target]`, with an alpha of its own for each group that `train.alpha_by_group` names.

    Raises:
        UserError: the target needs what this scenario does not have, or no alpha of a group can be given to it, or
            there is no such group.
    """
    target = run.target(config.target, data.num_classes, len(data.train))
    check_target(config.target.name, target)
    alphas = config.train.alpha_by_group
    if not alphas:
        return target
    check_alphas(config.target, target)
    groups = data.train.groups
    assert groups is not None
    named: dict[int, Target] = {}
    for group, alpha in alphas.items():
        place = f"train.alpha_by_group: {group}"
        if group not in data.group_names:
            raise UserError(f"{place} is no group of {data.name}; {nearest(group, data.group_names)}")
        own = config.target.model_copy(update={"alpha": alpha})
        try:
            named[data.group_names.index(group)] = run.target(own, data.num_classes, len(data.train))
        except UserError as error:
            raise UserError(f"{place}: {error}") from error
    return TargetByGroup(target, named, groups).to(run.device)


def check_target(name: str, target: Target) -> None:
    """The target `name` needs nothing that this scenario does not have.

    Raises:
        UserError: it needs a teacher, several views of a sample, or samples held out to learn from.
    """
    inside = [module for module in target.modules() if isinstance(module, Target)]
    if "teacher" in target.needs:
        lack = "needs a teacher, and a fairness scenario has no [teacher] table"
    elif any(getattr(each, "views", 1) > 1 for each in inside):
        lack = "compares several views of each sample, and a fairness scenario makes one"
    elif any(isinstance(each, MetaSmoothing) for each in inside):
        lack = "learns from samples held out for it, and a fairness scenario holds out none"
    else:
        return
    raise UserError(f"target: {name!r} {lack}; choose another target, or the scenario 'supervised'")


def check_alphas(config: TargetConfig, target: Target) -> None:
    """The target can have another alpha for each group.

    Raises:
        UserError: it has no alpha, a schedule sets alpha, or a sample's loss depends on the rest of its batch.
    """
    if "alpha" not in signature(config.factory()).parameters:
        why = f"target {config.name!r} has no alpha; choose one that has, such as 'ls'"
    elif "alpha" in (config.schedule or {}):
        why = "target.schedule sets alpha, for all groups; remove one of the two"
    elif not target.row_by_row:
        why = f"target {config.name!r} compares samples of a batch, which groups would divide; choose another target"
    else:
        return
    raise UserError(f"train.alpha_by_group: {why}")
