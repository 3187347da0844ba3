"""A checkpoint as a run writes it."""

from smoothkit.checkpoint import keep_checkpoint, write_checkpoint


def save_checkpoint(directory, state):
    """Write it, and replace the former one."""
    write_checkpoint(directory, state)
    keep_checkpoint(directory)
