"""What a whole study shows: its comparisons, tables and sentences."""
