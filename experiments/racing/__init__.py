"""The race: ways to invert, on one generator and one set of targets."""
