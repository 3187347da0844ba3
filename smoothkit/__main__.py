"""`python -m smoothkit`: the form that torchrun starts."""

from smoothkit.cli import main

main(prog_name="smoothkit")
