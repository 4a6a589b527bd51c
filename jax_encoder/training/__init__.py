"""Training of generators and feature networks."""
