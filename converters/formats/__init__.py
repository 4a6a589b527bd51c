"""Layouts of checkpoints: foreign names and axis orders to our modules."""
