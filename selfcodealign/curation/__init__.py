"""Curation: duplicates, decontamination, selection, the dataset and its lineage."""

from selfcodealign.curation.decontamination import DecontaminationSettings, Decontaminator, Hit, How, decontaminate
from selfcodealign.curation.exact_duplicates import exact_duplicates, whitespace_free_key
from selfcodealign.curation.near_duplicates import near_duplicates

__all__ = [
    "DecontaminationSettings",
    "Decontaminator",
    "Hit",
    "How",
    "decontaminate",
    "exact_duplicates",
    "near_duplicates",
    "whitespace_free_key",
]
