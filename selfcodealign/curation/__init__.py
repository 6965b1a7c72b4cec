"""Curation: duplicates, decontamination, selection, the dataset and its lineage."""

from selfcodealign.curation.near_duplicates import near_duplicates

__all__ = ["near_duplicates"]
