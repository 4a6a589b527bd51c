"""Array operations: pure functions, no modules, no files."""
