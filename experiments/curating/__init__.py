"""Curation of a folder of pictures: what `curate` shares."""
