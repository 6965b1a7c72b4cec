"""A cluster of this machine alone: there inside the block, gone behind it."""

import ray

from selfcodealign.cluster import connect, living_nodes


def test_a_cluster_of_this_machine_ends_with_its_block_and_is_shared_inside_it():
    with connect(None):
        (node,) = living_nodes()
        assert node.num_cpus >= 1
        with connect("127.0.0.1:1"):  # whatever the address: a process has one connection
            assert living_nodes() == [node]
        assert ray.is_initialized()
    assert not ray.is_initialized()
