"""Data sets whose samples belong to groups: real tables of people, and made ones whose truth is known."""
