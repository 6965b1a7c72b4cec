"""Sources of Python files, one module each, behind the Protocol `Source`."""

from selfcodealign.seeds.sources.files import RowFile
from selfcodealign.seeds.sources.folders import Folder
from selfcodealign.seeds.sources.hub import HubFiles
from selfcodealign.seeds.sources.python_packages import InstalledPackages, StandardLibrary
from selfcodealign.seeds.sources.source import Origin, Skipped, Source, SourceFile
from selfcodealign.seeds.sources.wheels import DownloadedPackages

__all__ = [
    "DownloadedPackages",
    "Folder",
    "HubFiles",
    "InstalledPackages",
    "Origin",
    "RowFile",
    "Skipped",
    "Source",
    "SourceFile",
    "StandardLibrary",
]
