"""Measures of pictures and of generators."""
