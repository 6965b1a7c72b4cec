"""The connection to a Ray cluster: the one place that starts a cluster or joins one, and ends what it began.

Whoever runs something on Ray (its actors, its data sets) does so inside `connect(...)` and imports `ray` itself.
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from selfcodealign.errors import InputError, PrerequisiteError

REACH_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Node:
    """A living machine of the cluster.

    Attributes:
        name: its address within the cluster.
        num_cpus: cores that Ray gives out there.
        num_gpus: GPUs that Ray gives out there.
    """

    name: str
    num_cpus: float
    num_gpus: float


@contextmanager
def connect(address: str | None) -> Iterator[None]:
    """Be connected to a Ray cluster inside the block. If this process is connected already, that connection serves.

    Neither usage statistics nor a dashboard is started.

    Args:
        address: `host:port` of a cluster's head (the port of `ray start --head`, 6379 by default), on one of whose
            nodes this process runs; `auto`: the cluster that runs on this machine; None: a cluster of this machine
            alone, which ends with the block.

    Raises:
        PrerequisiteError: Ray is not installed.
        InputError: no cluster answers at the address, or not one that this process can join.
    """
    # Read by the processes that Ray starts.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise PrerequisiteError(f"Ray cannot be imported ({error}); run `pip install 'selfcodealign[ray]'`") from error
    if ray.is_initialized():
        yield
        return
    if address is not None:
        _check_reachable(address)
    try:
        try:
            ray.init(address or "local", include_dashboard=False, logging_level=logging.ERROR)
        except Exception as error:
            # Ray raises `Exception` itself for a node that does not come up.
            reason = " ".join(str(error).split())[:300]
            where = f"no Ray cluster at {address}" if address else "no Ray cluster can be started on this machine"
            raise InputError(f"{where} ({reason}); {_WAY_OUT}") from error
        yield
    finally:
        ray.shutdown()


def living_nodes() -> list[Node]:
    """The nodes of the connected cluster that are alive at present, those with most GPUs and cores first."""
    import ray

    nodes = [
        Node(
            name=str(node["NodeManagerAddress"]),
            num_cpus=float(node["Resources"].get("CPU", 0.0)),
            num_gpus=float(node["Resources"].get("GPU", 0.0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]
    return sorted(nodes, key=lambda node: (-node.num_gpus, -node.num_cpus, node.name))


_WAY_OUT = "start it with `ray start` on each node and run this on one of them, or set ray_address to null"


def _check_reachable(address: str) -> None:
    """Find out in seconds that nobody listens; Ray itself goes on trying for a minute and more."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise InputError(f"{address!r} is no address of a Ray cluster; write host:port, such as 10.0.0.1:6379, or auto")
    try:
        with socket.create_connection((host, int(port)), timeout=REACH_TIMEOUT_S):
            pass
    except (OSError, OverflowError) as error:
        raise InputError(f"no Ray cluster at {address} ({error}); {_WAY_OUT}") from error
