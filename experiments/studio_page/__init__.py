"""The studio: a page on which pictures are inverted, edited and morphed."""
