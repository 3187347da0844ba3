"""What is said of smoothed discriminators, a module for each subject; their names alone, so that a list is quick."""

TRUTHS: tuple[str, ...] = ("closed-form", "gains", "dirac", "far-start")
"""Subjects in the order in which they are told of."""
