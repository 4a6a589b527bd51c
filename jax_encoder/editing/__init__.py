"""Boundaries, directions, interpolation, style mixing."""
