"""Curation: duplicates, decontamination, selection, the dataset and its lineage."""

from selfcodealign.curation.dataset import EXAMPLES_FILE, CardFacts, write_card, write_croissant
from selfcodealign.curation.decontamination import DecontaminationSettings, Decontaminator, Hit, How, decontaminate
from selfcodealign.curation.exact_duplicates import exact_duplicates, whitespace_free_key
from selfcodealign.curation.hits import hit_row, write_hits
from selfcodealign.curation.lineage import Lineage, Step, format_trace, trace
from selfcodealign.curation.near_duplicates import near_duplicate_code, near_duplicates
from selfcodealign.curation.preferences import (
    PREFERENCES_FILE,
    Pairing,
    UnpairedReason,
    UnusableReason,
    pair_preferences,
)
from selfcodealign.curation.publish import check_published, publish
from selfcodealign.curation.resampled_tasks import ChosenTasks, choose_tasks
from selfcodealign.curation.response_rules import SelectionSettings, SelectReason
from selfcodealign.curation.selection import Selection, select_examples
from selfcodealign.curation.shipped_pairs import (
    SHIPPED_FOLDER,
    ShippedPairs,
    ShippedReason,
    is_written_by,
    read_shipped,
    take_shipped,
)
from selfcodealign.curation.show import format_row, matching_rows
from selfcodealign.curation.source_check import SourceState
from selfcodealign.curation.summary import summarise

__all__ = [
    "EXAMPLES_FILE",
    "PREFERENCES_FILE",
    "SHIPPED_FOLDER",
    "CardFacts",
    "ChosenTasks",
    "DecontaminationSettings",
    "Decontaminator",
    "Hit",
    "How",
    "Lineage",
    "Pairing",
    "SelectReason",
    "Selection",
    "SelectionSettings",
    "ShippedPairs",
    "ShippedReason",
    "SourceState",
    "Step",
    "UnpairedReason",
    "UnusableReason",
    "check_published",
    "choose_tasks",
    "decontaminate",
    "exact_duplicates",
    "format_row",
    "format_trace",
    "hit_row",
    "is_written_by",
    "matching_rows",
    "near_duplicate_code",
    "near_duplicates",
    "pair_preferences",
    "publish",
    "read_shipped",
    "select_examples",
    "summarise",
    "take_shipped",
    "trace",
    "whitespace_free_key",
    "write_card",
    "write_croissant",
    "write_hits",
]
