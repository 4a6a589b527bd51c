"""The published checkpoints: where they lie and whose license they carry."""
