"""From landmarks to an aligned crop, and from a rendering back into the photograph."""
