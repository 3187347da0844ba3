"""What a whole study shows: windows of coefficients that work, peaks, and what shows no effect."""
