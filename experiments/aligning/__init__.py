"""Alignment of folders of photographs, and renderings pasted back, for the binaries."""
