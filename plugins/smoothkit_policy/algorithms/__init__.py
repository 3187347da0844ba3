"""How a policy learns: one file for each algorithm."""
