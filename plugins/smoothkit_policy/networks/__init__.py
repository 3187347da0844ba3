"""Policies and critics of several agents at once."""
