"""What a step reads: labelled and unlabelled samples of every member, in the views that the file asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from smoothkit.augment.normalise import Normalise
from smoothkit.distributed import Group
from smoothkit.errors import UserError
from smoothkit.runs import Runs
from smoothkit.seeding import derived_generator
from smoothkit.tables import AugmentationConfig
from smoothkit_selftrain.config import SelfTrainConfig, TrainConfig
from smoothkit_selftrain.data.parts import Parts
from smoothkit_selftrain.data.source import Source
from smoothkit_selftrain.data.views import Views
from smoothkit_selftrain.mixup import Mixing, draw_mixing


@dataclass(frozen=True, eq=False)
class Lesson:
    """The samples of one step: indices of the whole batch, images of this process's share of it."""

    inputs: Float32[Tensor, "members own ..."]
    """What the student learns from: labelled samples, then unlabelled ones; mixed, if they are."""
    labelled: Int64[Tensor, "members labelled"]
    """Which of the labelled samples, counted from 0."""
    unlabelled: Int64[Tensor, "members unlabelled"]
    """Which of the unlabelled samples; none in round 0."""
    weak: Float32[Tensor, "members _ ..."] | None
    """What a teacher labels, of this process's share of the unlabelled samples; None where no labels are made."""
    mixing: Mixing | None


class Feed:
    """The lessons of a training by step, each a pure function of (seed, step), member by member.

    Raises:
        UserError: the batch cannot be shared out, or an augmentation does not fit.
    """

    def __init__(self, config: SelfTrainConfig, runs: Runs, parts: Sequence[Parts]):
        self._train, self._device, self._pool = config.train, runs.first.device, parts[0].pool
        self._seeds = [run.seed for run in runs]
        self._normalise = Normalise(parts[0].data.mean, parts[0].data.std, self._device)
        self.labelled_size, self.unlabelled_size = batch_sizes(config.train, runs.first.group)
        """Labelled and unlabelled samples in a step, over all processes."""
        self.own_labelled, self.own_unlabelled = (
            share(size, runs.first.group) for size in (self.labelled_size, self.unlabelled_size)
        )
        """This process's places in the labelled part of a batch, and in the unlabelled one."""
        weak, strong = config.views.weak, config.views.strong
        self._labelled_view = config.views.labelled
        self._is_labelling = config.pseudo.relabel == "step"
        # Without augmentations all views are one.
        two = {"weak": weak, "strong": strong} if self._is_labelling and (weak or strong) else {"strong": strong}
        one = {self._labelled_view: weak if self._labelled_view == "weak" else strong}
        rows = [each.labelled_rows for each in parts]
        self._labelled = self._source("labelled", rows, self.labelled_size, self.own_labelled, one)
        rows = [each.unlabelled_rows for each in parts]
        self._unlabelled = self._source("unlabelled", rows, self.unlabelled_size, self.own_unlabelled, two)

    def at(self, step: int) -> Lesson:
        """The lesson of a step: of labelled samples alone in round 0."""
        labelled, seen = self._labelled.at(step)
        number = step - self._train.supervised_steps
        if number <= 0:
            unlabelled, weak, inputs = labelled[:, :0], None, seen[self._labelled_view]
        else:
            unlabelled, views = self._unlabelled.at(number)
            weak = views.get("weak", views["strong"]) if self._is_labelling else None
            inputs = torch.cat([seen[self._labelled_view], views["strong"]], dim=1)
        if not self._train.mixup:
            return Lesson(inputs, labelled, unlabelled, weak, None)
        own = [self._places(self.own_labelled)]
        if number > 0:
            own.append(self.labelled_size + self._places(self.own_unlabelled))
        generators = [derived_generator(seed, "mixup", step) for seed in self._seeds]
        mixing = draw_mixing(self._train.mixup, inputs.shape[1], torch.cat(own), generators)
        weak = None if weak is None else weak[:, self.own_unlabelled]
        return Lesson(mixing.mixed(inputs), labelled, unlabelled, weak, mixing)

    def plain(self, rows: Int64[Tensor, "members batch"]) -> Float32[Tensor, "members batch ..."]:
        """Normalised samples of the pool, as they are."""
        return self._normalise(self._pool.index_select(0, rows.flatten())).unflatten(0, rows.shape)

    def _source(
        self,
        name: str,
        rows: Sequence[Int64[Tensor, "_"]],
        batch: int,
        own: slice,
        views: Mapping[str, Sequence[AugmentationConfig]],
    ) -> Source:
        """Batches of one kind of samples: views of all of them where samples are mixed, or else of this process's."""
        return Source(
            name,
            self._pool,
            torch.stack(list(rows)).to(self._device),
            self._seeds,
            batch,
            slice(None) if self._train.mixup else own,
            {
                view: Views(f"views.{view}", name, augmentations, self._normalise, self._seeds)
                for view, augmentations in views.items()
            },
        )

    def _places(self, own: slice) -> Int64[Tensor, " own"]:
        return torch.arange(own.start, own.stop, device=self._device)


def batch_sizes(config: TrainConfig, group: Group) -> tuple[int, int]:
    """Labelled and unlabelled samples of a batch, at least one of each.

    Raises:
        UserError: the processes cannot have equally many of either.
    """
    labelled = min(max(round(config.labelled_share * config.batch_size), 1), config.batch_size - 1)
    unlabelled = config.batch_size - labelled
    if labelled % group.size or unlabelled % group.size:
        raise UserError(
            f"train.batch_size = {config.batch_size} with train.labelled_share = {config.labelled_share:g} is "
            f"{labelled} labelled and {unlabelled} unlabelled samples; expected multiples of {group.size}, the number "
            "of processes"
        )
    return labelled, unlabelled


def share(size: int, group: Group) -> slice:
    """This process's places of so many: neighbours, equally many for each process."""
    own = size // group.size
    return slice(group.rank * own, (group.rank + 1) * own)
