"""Figures as SVG that is part of an HTML page: its text is text, its colours are the page's."""
