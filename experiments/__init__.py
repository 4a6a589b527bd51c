"""Binaries: flags in, files out; the work is done by the library."""
