"""Targets for pseudo-labels: smoothing that follows a teacher's doubt, and smoothing that follows measured errors."""
