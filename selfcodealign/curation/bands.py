"""MinHash sketches cut into bands: two texts are candidates if a whole band of their sketches agrees."""

import math
import struct

import numpy as np
import numpy.typing as npt

from selfcodealign.curation.shingles import Shingles, mixed

SKETCH_SEED = 42
PAIR_RECALL = 0.999

BandKeys = npt.NDArray[np.uint32]


def rows_per_band(jaccard: float, num_perm: int) -> int:
    """Sketch rows a band: the most (fewest false candidates) that still find a pair at the threshold.

    A pair of similarity `s` becomes a candidate with probability `1 - (1 - s ** r) ** (num_perm // r)`; more similar
    pairs with a higher one.

    Args:
        jaccard: threshold, above 0.
        num_perm: permutations of a sketch.

    Returns:
        The largest `r` whose probability at the threshold is at least 0.999; 1 if there is none.

    Source: Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4.
    """
    best = 1
    for rows in range(2, num_perm + 1):
        missed = (num_perm // rows) * math.log1p(-min(jaccard**rows, 1.0 - 1e-12))
        if missed <= math.log1p(-PAIR_RECALL):
            best = rows
    return best


def band_keys(shingles: Shingles, num_perm: int, band_rows: int) -> BandKeys:
    """A 32-bit key for each text and band: equal bands have equal keys.

    Unequal bands have equal keys once in four billion; such a false candidate costs a comparison and nothing else.

    Args:
        shingles: the texts' n-gram sets, none of them empty.
        num_perm: rows of a sketch.
        band_rows: rows of a band; what is left over at the end of a sketch is not used.

    Returns:
        One row a text, one column a band.
    """
    sketches = sketch(shingles, num_perm)
    keys = np.empty((len(shingles), num_perm // band_rows), dtype=np.uint32)
    for band in range(keys.shape[1]):
        key = np.zeros(len(shingles), dtype=np.uint64)
        for row in range(band * band_rows, (band + 1) * band_rows):
            key = mixed(key ^ sketches[:, row])
        keys[:, band] = key >> np.uint64(32)
    return keys


def sketch(shingles: Shingles, num_perm: int) -> npt.NDArray[np.uint32]:
    """MinHash sketches, one row a text: the share of equal rows estimates the Jaccard similarity.

    The sketches are those of `rensa` (R-MinHash, Rust).
    """
    from rensa import RMinHash

    if len(shingles) == 0:
        return np.empty((0, num_perm), dtype=np.uint32)
    # Its matrix has no buffer to read: packing its lists of numbers is four times as fast as making an array of them.
    pack = struct.Struct(f"={num_perm}I").pack
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        mixed(shingles.hashes), shingles.offsets.astype(np.uint64), num_perm, SKETCH_SEED
    )
    packed = b"".join(pack(*row) for row in matrix.to_rows())
    return np.frombuffer(packed, dtype=np.uint32).reshape(len(shingles), num_perm)
