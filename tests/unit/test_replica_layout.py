"""A cluster is shared out among replicas: each fits on one node, and as much of the cluster works as can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.cluster import Node
from selfcodealign.errors import InputError
from selfcodealign.generation.replica_layout import ReplicaLayout, replica_layout
from selfcodealign.params import Engine

CORES = st.lists(st.integers(0, 64), min_size=1, max_size=6).filter(any)
GPUS = st.lists(st.integers(0, 8), min_size=1, max_size=6).filter(any)


def settings(**changes: object) -> Engine:
    values = {"kind": "ray", "max_model_len": 512, "max_num_seqs": 8, "kv_cache_gib": 8}
    return Engine.model_validate({**values, **changes})


def nodes(cores: list[int], gpus: list[int] | None = None) -> list[Node]:
    return [Node(f"node{n}", float(num_cpus), float(gpus[n] if gpus else 0)) for n, num_cpus in enumerate(cores)]


@pytest.mark.parametrize(
    ("cluster", "changes", "layout"),
    [
        (nodes([0, 1, 1]), {}, ReplicaLayout(2, 0, 1, 8)),
        (nodes([16]), {}, ReplicaLayout(1, 0, 16, 8)),
        (nodes([16]), {"num_replicas": 4}, ReplicaLayout(4, 0, 4, 2)),
        (nodes([16, 8]), {}, ReplicaLayout(2, 0, 8, 4)),
        (nodes([2]), {"num_replicas": 5}, ReplicaLayout(5, 0, 1, 4)),
        (nodes([64, 4], [8, 0]), {}, ReplicaLayout(8, 1, 1, 8)),
        (nodes([64, 64], [8, 6]), {"tensor_parallel_size": 2, "pipeline_parallel_size": 2}, ReplicaLayout(3, 4, 1, 8)),
        (nodes([64], [8]), {"num_replicas": 2, "tensor_parallel_size": 2}, ReplicaLayout(2, 2, 1, 8)),
    ],
)
def test_what_a_replica_gets(cluster, changes, layout):
    assert replica_layout(cluster, settings(**changes)) == layout


@given(cores=CORES, num_replicas=st.integers(1, 40))
def test_replicas_on_cores_find_a_place_if_there_are_so_many_cores_and_could_not_have_more_each(cores, num_replicas):
    layout = replica_layout(nodes(cores), settings(num_replicas=num_replicas))

    def num_placed(num_cpus: int) -> int:
        return sum(on_node // num_cpus for on_node in cores)

    assert (num_placed(layout.num_cpus) >= num_replicas) == (sum(cores) >= num_replicas)
    assert layout.num_cpus == 1 or num_placed(layout.num_cpus + 1) < num_replicas
    on_a_node = min(num_replicas, max(cores) // layout.num_cpus)
    assert layout.kv_cache_gib * on_a_node == pytest.approx(8)


@given(gpus=GPUS, tensor=st.integers(1, 4), pipeline=st.integers(1, 3))
def test_replicas_on_gpus_fill_every_node_and_never_reach_over_two(gpus, tensor, pipeline):
    parallel = {"tensor_parallel_size": tensor, "pipeline_parallel_size": pipeline}
    cluster = nodes([4] * len(gpus), gpus)
    if max(gpus) < tensor * pipeline:
        with pytest.raises(InputError, match=rf"takes {tensor * pipeline} GPUs .* has more than {max(gpus)}; lower"):
            replica_layout(cluster, settings(**parallel))
    else:
        layout = replica_layout(cluster, settings(**parallel))
        assert layout.num_gpus == tensor * pipeline
        assert layout.num_replicas == sum(on_node // layout.num_gpus for on_node in gpus)


def test_a_cluster_that_gives_out_nothing_is_one_line():
    with pytest.raises(InputError, match=r"no node of the Ray cluster gives out a GPU or a CPU core \(2 nodes\)"):
        replica_layout(nodes([0, 0]), settings())
