"""Pseudo-labels: from a teacher's logits, through alignment and selection, to labels with weights."""
