"""What a generator is to imitate: densities that are known, stacked digits, and any data set's division into parts."""
