"""Predictions made up for the tests of this folder, and several processes that are threads."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from smoothkit.distributed import Group
from smoothkit_selftrain.labelling.beliefs import Beliefs, beliefs_of


def made_logits(members: int = 3, batch: int = 40, classes: int = 4, seed: int = 0, scale: float = 2.0) -> Tensor:
    """Logits whose classes are not equally frequent, the same for the same arguments."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(members, batch, classes, generator=generator)
    return logits + torch.linspace(0, 1, classes) * torch.rand(members, 1, 1, generator=generator)


def made_beliefs(
    logits: Tensor,
    index: Tensor | None = None,
    progress: float = 0.0,
    rounds_done: int = 0,
    kept: Tensor | None = None,
) -> Beliefs:
    """Beliefs of logits; the samples are 0, 1, ... where no index is given."""
    if index is None:
        index = torch.arange(logits.shape[1]).expand(logits.shape[:2])
    return beliefs_of(logits.log_softmax(dim=-1), index, progress, rounds_done, kept)


@dataclass
class Exchange:
    """Where threads hand each other their shares."""

    size: int
    parts: dict[int, Tensor] = field(default_factory=dict)

    def __post_init__(self):
        self.barrier = threading.Barrier(self.size, timeout=20)


@dataclass
class ThreadGroup(Group):
    """A process of a group whose processes are threads."""

    exchange: Exchange = field(default_factory=lambda: Exchange(1))

    def concatenate(self, shard: Tensor) -> Tensor:
        """The shards of all threads, one after another."""
        self.exchange.parts[self.rank] = shard
        self.exchange.barrier.wait()
        whole = torch.cat([self.exchange.parts[rank] for rank in range(self.size)])
        self.exchange.barrier.wait()
        return whole


def in_threads(size: int, work: Callable[[Group], Any]) -> Sequence[Any]:
    """What `work` returns in each of so many processes that are threads."""
    exchange = Exchange(size)
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: work(ThreadGroup(rank, size, exchange=exchange)), range(size)))
