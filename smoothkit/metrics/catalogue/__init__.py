"""The metrics that evaluations know by name: ready ones, and functions of the options that a scenario file may give.

`smoothkit.builtin` has their names.
"""
