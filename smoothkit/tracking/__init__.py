"""Observers of runs: TensorBoard and the console."""
