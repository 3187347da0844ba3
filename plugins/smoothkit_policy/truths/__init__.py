"""What is said of smoothing and exploration, a module for each subject; their names alone, so that a list is quick."""

TRUTHS: tuple[str, ...] = (
    *("decomposition", "directions", "naive", "improvement", "mixing"),
    *("fixed-points", "escape", "values", "cloning", "recovery"),
)
"""Subjects in the order in which they are told of."""
