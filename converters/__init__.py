"""Foreign checkpoints to Flax modules, and back."""
