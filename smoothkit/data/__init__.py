"""Data sets, how they are split, and how they become batches."""

from smoothkit.data.batches import Batch, Batches
from smoothkit.data.dataset import Dataset, ImageSet, StreamedSet
from smoothkit.data.feed import evaluation_batches, training_batches
from smoothkit.data.streamed import StreamedBatches

__all__ = [
    "Batch",
    "Batches",
    "Dataset",
    "ImageSet",
    "StreamedBatches",
    "StreamedSet",
    "evaluation_batches",
    "training_batches",
]
