"""The parts of the embedded demo set: assets, cards, likeness."""
