"""The data of self-training: who is labelled, whose labels are hidden, and the views that each step reads."""
