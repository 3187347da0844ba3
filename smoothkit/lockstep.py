"""The loop of runs that are trained together: all of them log, save and stop at the same steps."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from smoothkit.checkpoint import keep_checkpoint
from smoothkit.stopping import Stopped

if TYPE_CHECKING:
    from smoothkit.run import Run


def in_step(runs: "Sequence[Run]", total: int) -> Iterator[int]:
    """Yield the steps 1 … `total` that are still to do; between two of them log, save, and stop if that is asked.

    Raises:
        TrainingError: a loss that one of them logged was not finite; each keeps its last good checkpoint.
        Stopped: they were interrupted or their time was used up; each wrote a checkpoint.
    """
    for run in runs:
        run.begin(total)
    first = runs[0]
    deadline = time.monotonic() + 60 * (first.settings.max_minutes or math.inf)
    for step in range(first.step + 1, total + 1):
        for run in runs:
            run.step = step
        yield step
        logging = first.is_logging(step)
        if logging:
            for run in runs:
                run.flush()
        # Several processes must agree before one of them stops, so they ask each other only at logging steps.
        if logging or first.group.size == 1:
            reason = first.why_stop(deadline)
            if first.group.any(bool(reason)) and step < total:
                save_together(runs)
                raise Stopped(reason or "interrupted")
        if step % first.settings.checkpoint_every == 0 or step == total:
            save_together(runs)
        for run in runs:
            run.show()


def save_together(runs: "Sequence[Run]") -> None:
    """Write every run's checkpoint, then replace all the former ones at once.

    Runs that a kill left at different steps could not go on together, and their last digits may depend on that.

    Raises:
        TrainingError: loss or weights of one are not finite, or the disk is full; all keep their previous checkpoints.
    """
    for position, run in enumerate(runs):
        run.write_checkpoint(is_like_another=position > 0)
    if runs[0].group.is_main:
        for run in runs:
            keep_checkpoint(run.directory)
    runs[0].group.barrier()
