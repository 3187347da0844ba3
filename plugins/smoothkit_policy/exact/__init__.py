"""Exact answers where the tables of an environment tell its transitions: no sampling, float64 throughout."""
