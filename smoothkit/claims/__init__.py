"""Claims: statements that are true or not, what was measured for them, and verdicts that are computed."""
