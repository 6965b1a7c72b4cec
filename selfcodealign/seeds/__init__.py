"""Seeds: where functions come from, how they are made whole, and which of them are good enough.

`collect_seeds` reads `Source`s and extracts whole functions; `filter_seeds` applies the method's quality filters.
"""

from selfcodealign.seeds.collection import Collected, collect_seeds, sources_of
from selfcodealign.seeds.extraction import extract_functions
from selfcodealign.seeds.filters import Filtered, Smoke, filter_seeds
from selfcodealign.seeds.journalled_types import TypeCheck
from selfcodealign.seeds.judge import JUDGE_MAX_NEW_TOKENS, Judge, judge_messages, model_judge, parse_judgement
from selfcodealign.seeds.licence_texts import licence_of_text
from selfcodealign.seeds.licences import PermittedLicences, distribution_licence, licence_from_names, spdx_expression
from selfcodealign.seeds.reasons import CollectReason, FilterReason
from selfcodealign.seeds.smoke import smoke_errors
from selfcodealign.seeds.sources import (
    DownloadedPackages,
    Folder,
    HubFiles,
    InstalledPackages,
    Origin,
    RowFile,
    Skipped,
    Source,
    SourceFile,
    StandardLibrary,
)
from selfcodealign.seeds.type_check import type_errors

__all__ = [
    "JUDGE_MAX_NEW_TOKENS",
    "CollectReason",
    "Collected",
    "DownloadedPackages",
    "FilterReason",
    "Filtered",
    "Folder",
    "HubFiles",
    "InstalledPackages",
    "Judge",
    "Origin",
    "PermittedLicences",
    "RowFile",
    "Skipped",
    "Smoke",
    "Source",
    "SourceFile",
    "StandardLibrary",
    "TypeCheck",
    "collect_seeds",
    "distribution_licence",
    "extract_functions",
    "filter_seeds",
    "judge_messages",
    "licence_from_names",
    "licence_of_text",
    "model_judge",
    "parse_judgement",
    "smoke_errors",
    "sources_of",
    "spdx_expression",
    "type_errors",
]
