"""Generators and other networks, wherever they come from."""
