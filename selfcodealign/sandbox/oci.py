"""The `config.json` of an OCI bundle: what `runsc` is told of a sandbox when no Docker tells it."""

from pathlib import Path
from typing import Any

from selfcodealign.sandbox.launcher import Launch

OCI_VERSION = "1.0.2"
MAX_SHARED_MEMORY_MIB = 64


def bundle_config(root: Path, launch: Launch) -> dict[str, Any]:
    """The content of `config.json` for one process: as hardened as the containers that Docker makes for us.

    Args:
        root: folder of the root file system; nothing in it can be changed from inside.
        launch: the process.
    """
    capabilities = [f"CAP_{name}" for name in launch.capabilities]
    return {
        "ociVersion": OCI_VERSION,
        "hostname": "sandbox",
        "root": {"path": str(root), "readonly": True},
        "process": {
            "terminal": False,
            "user": {"uid": launch.uid, "gid": launch.uid},
            "args": list(launch.command),
            "env": [f"{name}={value}" for name, value in launch.environment.items()],
            "cwd": launch.folder,
            # Neither inheritable nor ambient: another user has none of them.
            "capabilities": {kind: capabilities for kind in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
            "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
            _memory_folder("/dev/shm", min(launch.tmp_mib, MAX_SHARED_MEMORY_MIB), "noexec"),  # noqa: S108
            _memory_folder("/tmp", launch.tmp_mib),  # noqa: S108
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]},
    }


def _memory_folder(path: str, size_mib: int, *options: str) -> dict[str, Any]:
    """A folder that everybody can write to, in the sandbox's own memory."""
    flags = ["nosuid", "nodev", *options, "mode=1777", f"size={size_mib << 20}"]
    return {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": flags}
