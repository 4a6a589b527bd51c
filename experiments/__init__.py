"""Binaries: flags in, files out; the work is done by the library."""

import sys

if sys.argv[:1] == ["-m"]:  # `python -m experiments.NAME`, before its slow imports
    from experiments.launch import signals

    signals.install()
