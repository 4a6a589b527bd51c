"""Encoding of corpora: manifest, shards, leases, workers, and what reads the store."""
