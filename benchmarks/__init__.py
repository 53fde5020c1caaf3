"""Measurements: quality on public data, speed, memory. ``python -m benchmarks --help`` lists them."""
