"""The null experiment: how often methods call a calibration gap between two groups that have one law."""
