"""The sandbox, measured: rate against peers, parity of runtimes, flatness of a long run.

`python -m benchmarks.sandbox` is the command; nothing here is part of the library. The package imports nothing by
itself: a peer runs out of it in a process of its own, which has to stay small.
"""
