"""Benchmarks: what a download costs the server, as a ratio to what its cryptography alone costs in the same run."""
