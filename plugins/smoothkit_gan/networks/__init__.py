"""Generators and discriminators of several members at once: every weight, input and output has them as first axis."""
