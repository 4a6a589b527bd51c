"""Files: pictures, films, bundles of weights."""
