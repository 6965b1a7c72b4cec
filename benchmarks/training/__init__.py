"""Training speed, measured beside the reference's way: a trainer that pads and scores every position.

`python -m benchmarks.training` is the command; nothing here is part of the library.
"""
