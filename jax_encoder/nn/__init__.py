"""Flax modules and their frozen configurations."""
