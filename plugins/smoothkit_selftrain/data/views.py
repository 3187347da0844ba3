"""One view of samples, of all members: each draws for itself, then pixels are moved and normalised once for all."""

from collections.abc import Sequence

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from smoothkit.augment import Augmentation, Pipeline
from smoothkit.augment.normalise import Normalise
from smoothkit.augment.pipeline import PixelMap, move_pixels
from smoothkit.errors import UserError, blame
from smoothkit.seeding import derived_generator, derived_seed
from smoothkit.tables import AugmentationConfig


class Views:
    """What a list of augmentations makes of batches: a pure function of (seed, block), member by member.

    `table` and `samples` say of which key and which samples, so that no two views draw alike.

    Raises:
        UserError: an augmentation mixes samples, or makes several of one.
    """

    def __init__(
        self,
        table: str,
        samples: str,
        augmentations: Sequence[AugmentationConfig],
        normalise: Normalise,
        seeds: Sequence[int],
    ):
        built: list[Augmentation] = [each.build() for each in augmentations]
        for config, augmentation in zip(augmentations, built, strict=True):
            if augmentation.softens_labels or augmentation.views > 1:
                raise UserError(
                    f"{table}: {config.name!r} makes mixtures, or several views, which the label of one sample does "
                    "not follow: leave it out; train.mixup mixes samples and their losses"
                )
        self._table, self._seeds, self._normalise = table, seeds, normalise
        self._purpose = f"{table} of {samples} samples"
        # No label passes through, so that the number of classes does not matter.
        self._pipeline = Pipeline(built, normalise, num_classes=0)
        self._sees_images = any(type(each).pixels is not Augmentation.pixels for each in built)
        self._sees_batches = [each for each in built if type(each).batch is not Augmentation.batch]

    def of(
        self,
        stored: Shaped[Tensor, "members batch ..."],
        own: Int64[Tensor, " own"] | None,
        block: int,
        index: Int64[Tensor, "members batch"],
        visits: Int64[Tensor, " batch"],
    ) -> Float32[Tensor, "members _ ..."]:
        """The view of the places `own` of a batch, or of all, which each process gives whole: what is drawn is drawn
        for all of it.

        `index` and `visits` say which sample each one is, and how often it came before.

        Raises:
            UserError: an augmentation does not fit such samples.
        """
        # Augmentations of a normalised batch draw as they go, so that they need all of it.
        early, late = (None, own) if self._sees_batches else (own, None)
        with blame(self._table):
            pixel_map = self._map(stored, early, block)
            images = _at(stored, early)
            if self._sees_images:
                images = self._one_by_one(images, _at(index, early), visits if early is None else visits[early.cpu()])
            members = images.shape[:2]
            images = images.flatten(0, 1)
            if pixel_map is not None:
                images = move_pixels(images, pixel_map)
            view = self._normalise(images).unflatten(0, members)
            return _at(self._as_batches(view, block), late) if self._sees_batches else view

    def _one_by_one(self, images: Tensor, index: Tensor, visits: Tensor) -> Shaped[Tensor, "members batch ..."]:
        """After the stages that see one stored image at a time."""
        changed = []
        for seed, own, numbers in zip(self._seeds, images.cpu(), index.tolist(), strict=True):
            # Weak and strong views of a sample draw by themselves.
            source = derived_seed(seed, self._purpose)
            for image, visit, number in zip(own, visits.tolist(), numbers, strict=True):
                changed.append(self._pipeline.pixels.of_sample(image, source, visit, number)[0])
        return torch.stack(changed).to(images.device).view_as(images)

    def _map(self, stored: Tensor, part: Tensor | None, block: int) -> PixelMap | None:
        """Where the pixels of all members come from, drawn by each for a whole batch."""
        maps = []
        for seed in self._seeds:
            generator = derived_generator(seed, f"{self._purpose}: map", block)
            drawn = self._pipeline.draw_map(stored.shape[1], stored.shape[2:], generator, stored.device)
            if drawn is None:
                return None
            maps.append(drawn if part is None else PixelMap(drawn.rows[part], drawn.columns[part]))
        return PixelMap(torch.cat([each.rows for each in maps]), torch.cat([each.columns for each in maps]))

    def _as_batches(self, view: Tensor, block: int) -> Float32[Tensor, "members batch ..."]:
        """After the stages that see a normalised batch, with placeholders for its labels."""
        changed = []
        for seed, images in zip(self._seeds, view, strict=True):
            generator = derived_generator(seed, f"{self._purpose}: batch", block)
            labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
            for augmentation in self._sees_batches:
                images, labels = augmentation.batch(images, labels, generator, 0)
            changed.append(images)
        return torch.stack(changed)


def _at(values: Tensor, places: Tensor | None) -> Shaped[Tensor, "members _ ..."]:
    return values if places is None else values.index_select(1, places)
