"""Small environments whose every transition is known."""
