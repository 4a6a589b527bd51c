"""Our modules as files of other programs."""
