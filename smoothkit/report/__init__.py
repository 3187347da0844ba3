"""Figures, tables and pages made from finished runs."""
