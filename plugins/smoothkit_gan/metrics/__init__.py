"""What samples of a generator are measured by."""
