"""Files to plain values and arrays. Nothing in a file is ever run."""
