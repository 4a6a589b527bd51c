"""Stores of codes: tables of rows in Parquet, codes beside them in zarr where asked."""
