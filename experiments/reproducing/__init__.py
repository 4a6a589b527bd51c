"""Published rows, and the table of all presets on the demo: `reproduce`."""
