"""Several processes: plain torch.distributed, started by torchrun. Nothing of the user's is wrapped.

A wrapper that reduces gradients behind the trainer's back is silently wrong for gradient penalties, LS++'s C and
per-sample gradients; a visible all-reduce after `backward()` is right for all of them.
"""

import logging
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from smoothkit.errors import INTERRUPTED, SmoothkitError, UserError


@dataclass
class Group:
    """The processes that train one model together; a single process is a group of one."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    _checked: set[int] = field(default_factory=set)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0

    def sync_grads(self, parameters: Iterable[Tensor]) -> None:
        """Average the gradients of `parameters` over the processes, in one all-reduce per dtype.

        Parameters without a gradient are passed over; it must be the same ones in every process.

        Raises:
            RuntimeError: the processes hold gradients of different sizes (checked the first time a size is seen).
        """
        self.average(parameter.grad for parameter in parameters if parameter.grad is not None)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in one all-reduce per dtype.

        Raises:
            RuntimeError: the processes hold different numbers of values (checked the first time a size is seen).
        """
        self._all_reduce(list(tensors), divisor=self.size)

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor, of integers or not, by its sum over the processes, in one all-reduce per dtype.

        Raises:
            RuntimeError: the processes hold different numbers of values (checked the first time a size is seen).
        """
        self._all_reduce(list(tensors))

    def _all_reduce(self, tensors: list[Tensor], divisor: int | None = None) -> None:
        if self.size == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            same = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            self._check_size(flat.numel())
            dist.all_reduce(flat)
            if divisor is not None:
                flat /= divisor
            for tensor, part in zip(same, flat.split([tensor.numel() for tensor in same]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def mean(self, values: list[float]) -> list[float]:
        """The average of each value over the processes."""
        if self.size == 1:
            return values
        totals = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(totals)
        return (totals / self.size).tolist()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return flag if self.size == 1 else self.mean([float(flag)])[0] > 0

    def concatenate(self, shard: Tensor) -> Tensor:
        """The shards of all processes, one after another; they may differ in length."""
        if self.size == 1:
            return shard
        lengths = [torch.zeros(1, dtype=torch.int64, device=self.device) for _ in range(self.size)]
        dist.all_gather(lengths, torch.tensor([len(shard)], device=self.device))
        longest = max(int(length) for length in lengths)
        padded = torch.cat([shard, shard.new_zeros(longest - len(shard), *shard.shape[1:])])
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return torch.cat([part[: int(length)] for part, length in zip(parts, lengths, strict=True)])

    def barrier(self) -> None:
        """Wait until every process has come here."""
        if self.size > 1:
            dist.barrier()

    def _check_size(self, size: int) -> None:
        if size in self._checked:
            return
        extremes = torch.tensor([size, -size], dtype=torch.int64, device=self.device)
        dist.all_reduce(extremes, op=dist.ReduceOp.MAX)
        if extremes[0] != -extremes[1]:
            raise RuntimeError(
                f"process {self.rank} holds {size} values, another up to {int(extremes[0])}: "
                "the same tensors must be given, or have gradients, in every process"
            )
        self._checked.add(size)


def choose_device(name: str) -> torch.device:
    """The device that `[run] device` asks for; under torchrun each process gets its own GPU.

    Raises:
        UserError: the device is unknown or not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"run.device: {name!r} is no device; write auto, cpu, cuda or cuda:0") from error
    if device.type == "cuda":
        count = torch.cuda.device_count()
        index = int(os.environ.get("LOCAL_RANK", 0)) if device.index is None else device.index
        if index >= count:
            raise UserError(
                f"run.device: {name!r} asks for GPU {index}, but this machine shows {count}; write cpu or auto"
            )
        device = torch.device("cuda", index)
        # Or else whatever asks for "the" GPU, such as the thread that pins memory, opens a context on the first one.
        torch.cuda.set_device(device)
        return device
    return device


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Start `processes` processes of smoothkit through torchrun's own main; several machines use torchrun itself.

    Returns the exit code: 2 if a process found the user's input wrong, 1 if one failed otherwise, 130 after Ctrl-C.

    Raises:
        SmoothkitError: a process was killed.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main

    logging.disable()  # The processes say themselves what went wrong, in one line; torchrun would add a page.
    try:
        main(["--standalone", f"--nproc-per-node={processes}", "-m", "smoothkit", *arguments])
    except ChildFailedError as error:
        codes = {rank: failed.exitcode for rank, failed in error.failures.items()}
        if UserError.exit_code in codes.values():
            return UserError.exit_code
        # A process that ended by itself has said why; one that torchrun ended (SIGTERM) had nothing to say.
        killed = {rank: -code for rank, code in codes.items() if code < 0 and -code != signal.SIGTERM}
        for rank, number in killed.items():
            raise SmoothkitError(
                f"process {rank} was killed by signal {number} (out of memory, perhaps); `smoothkit resume` goes on "
                "from the last checkpoint"
            ) from error
        return SmoothkitError.exit_code
    except SignalException:
        return INTERRUPTED
    return 0


@contextmanager
def process_group(device: torch.device) -> Iterator[Group]:
    """Join the processes that torchrun started, if it did, for the length of the block."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield Group(device=device)
        return
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo", device_id=device if device.type == "cuda" else None
    )
    try:
        yield Group(dist.get_rank(), size, device)
    finally:
        dist.destroy_process_group()
