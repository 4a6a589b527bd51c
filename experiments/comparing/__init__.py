"""Pictures compared with pictures, and what is said of it."""
