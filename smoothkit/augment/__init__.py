"""Augmentation of whole batches, on the device."""

from smoothkit.augment.base import Augmentation
from smoothkit.augment.pipeline import Pipeline

__all__ = ["Augmentation", "Pipeline"]
