"""What every binary does at its start."""
