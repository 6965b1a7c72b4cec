"""How many replicas of the model a cluster has room for, and what each one gets of its node."""

from collections.abc import Sequence
from dataclasses import dataclass

from selfcodealign.cluster import Node
from selfcodealign.errors import InputError
from selfcodealign.params import Engine as EngineSettings


@dataclass(frozen=True, slots=True)
class ReplicaLayout:
    """What the replicas are to be; all of them are the same.

    Attributes:
        num_replicas: how many.
        num_gpus: GPUs of one, all on one node; 0: it runs on CPU cores.
        num_cpus: cores of one.
        kv_cache_gib: KV cache of one on a CPU, GiB.
    """

    num_replicas: int
    num_gpus: int
    num_cpus: int
    kv_cache_gib: float

    def __str__(self) -> str:
        return f"{self.num_gpus} GPUs of one node" if self.num_gpus else f"{self.num_cpus} CPU cores of one node"


def replica_layout(nodes: Sequence[Node], settings: EngineSettings) -> ReplicaLayout:
    """Share a cluster out among replicas.

    With GPUs a replica takes as many as its parallel sizes say. Without, the replicas share cores and
    `engine.kv_cache_gib` of their node in equal parts. `engine.num_replicas` may be more than there is room for: what
    finds no place at first joins when it does.

    Args:
        nodes: the living nodes of the cluster.
        settings: the `engine` section of the params; without `num_replicas` there are as many replicas as there is
            room for on GPUs, else one a node.

    Raises:
        InputError: no node can hold one replica.
    """
    if any(node.num_gpus for node in nodes):
        return _on_gpus(nodes, settings)
    cores = [int(node.num_cpus) for node in nodes if node.num_cpus >= 1]
    if not cores:
        raise InputError(f"no node of the Ray cluster gives out a GPU or a CPU core ({len(nodes)} nodes); add one")
    num_replicas = settings.num_replicas or len(cores)
    # The most cores with which all of them find a place.
    num_cpus = max(
        (each for each in range(1, max(cores) + 1) if sum(on_node // each for on_node in cores) >= num_replicas),
        default=1,
    )
    most_on_a_node = min(num_replicas, max(cores) // num_cpus)
    return ReplicaLayout(num_replicas, 0, num_cpus, settings.kv_cache_gib / most_on_a_node)


def _on_gpus(nodes: Sequence[Node], settings: EngineSettings) -> ReplicaLayout:
    num_gpus = settings.tensor_parallel_size * settings.pipeline_parallel_size
    room = sum(int(node.num_gpus) // num_gpus for node in nodes)
    if not room:
        most = max(int(node.num_gpus) for node in nodes)
        raise InputError(
            f"a replica takes {num_gpus} GPUs of one node (engine.tensor_parallel_size x pipeline_parallel_size), and"
            f" no node of the Ray cluster has more than {most}; lower them"
        )
    # One core: the process that feeds the GPUs.
    return ReplicaLayout(settings.num_replicas or room, num_gpus, 1, settings.kv_cache_gib)
