"""An inversion run: from the pictures' names to the files."""
