"""Curation, measured: near-duplicates against peers, growth, hidden copies of benchmarks, extraction of seeds.

`python -m benchmarks.curation` is the command; nothing here is part of the library.
"""
