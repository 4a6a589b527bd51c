"""The procedural world: its renderer, networks and lessons."""
