"""Inputs from outside the repository: which there are, where they lie, and digests of what decides a stage's outputs.

DVC tracks files of the repository. Benchmark files, corpora, checkouts, local models and installed packages lie outside
it, so `scan_inputs` writes down what of them decides each stage. This package starts fast: it imports no library that
loads, generates, or trains.
"""

from selfcodealign.inputs.benchmark_files import BenchmarkPlaces, benchmark_places
from selfcodealign.inputs.digests import FileDigests
from selfcodealign.inputs.packages import deciding_packages, read_pins
from selfcodealign.inputs.scan import InputPlaces, Inputs, read_inputs, scan_inputs, scanned_stages, write_inputs

__all__ = [
    "BenchmarkPlaces",
    "FileDigests",
    "InputPlaces",
    "Inputs",
    "benchmark_places",
    "deciding_packages",
    "read_inputs",
    "read_pins",
    "scan_inputs",
    "scanned_stages",
    "write_inputs",
]
