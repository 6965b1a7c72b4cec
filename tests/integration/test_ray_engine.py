"""Replicas on a cluster of two nodes, one of which is lost, and comes back; and the same requests in process."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster
from test_generation_engine import count

from selfcodealign.errors import InputError
from selfcodealign.generation import (
    Answer,
    Decoding,
    Generation,
    RejectReason,
    Request,
    generate_answers,
    load_ray,
    ray_engine,
)
from selfcodealign.generation.ray_engine import ReplicaHandle
from selfcodealign.params import Engine

pytestmark = pytest.mark.engine

IN_PROCESS = Engine(dtype="float32", max_model_len=512, max_num_seqs=4, kv_cache_gib=1)
GREEDY = Decoding(temperature=0.0, top_p=1.0, max_new_tokens=24)
NUM_REQUESTS = 40
# A replica imports vLLM and loads its model beside another one that goes on answering.
COMING_BACK_S = 600.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head that gives out nothing, and two nodes with a core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1)
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture
def on_cluster(cluster: Cluster) -> Engine:
    return IN_PROCESS.model_copy(update={"kind": "ray", "ray_address": cluster.address})


def requests() -> list[Request]:
    prefix = "You name animals. " * 60  # many blocks of the prefix cache
    asked = [Request(f"r{n}", f"{prefix}Number {n} is the", seed=n, group=str(n % 2)) for n in range(NUM_REQUESTS)]
    return [*asked, Request("long", "word " * 600, seed=1)]


class Asked:
    """Every try of every request, as the replicas' handles have seen it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.outcomes: dict[str, list[object]] = {}
        self.by_replica: dict[str, list[object]] = {}
        ask = ReplicaHandle.ask

        async def noted(handle: ReplicaHandle, request: Request, decoding: Decoding) -> object:
            outcome = await ask(handle, request, decoding)
            self.outcomes.setdefault(request.id, []).append(outcome)
            self.by_replica.setdefault(handle.url, []).append(outcome)
            return outcome

        patch.setattr(ReplicaHandle, "ask", noted)

    def has_come_back(self) -> bool:
        """Whether a replica has answered again after tries that failed."""
        return any(
            isinstance(outcomes[-1], Answer) and any(not isinstance(outcome, Answer) for outcome in outcomes)
            for outcomes in self.by_replica.values()
        )


def once_journalled(journal: Path, wanted: int, act: Callable[[], object]) -> threading.Thread:
    """Do something as soon as so many answers are in the journal."""

    def wait() -> None:
        while count(journal) < wanted:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def lose_a_node(cluster: Cluster) -> None:
    """Kill one of the two nodes: not the one by which this process is connected, which on one machine may be any."""
    here = ray.get_runtime_context().get_node_id()
    lost = next(node for node in cluster.worker_nodes if node.node_id != here)
    cluster.remove_node(lost, allow_graceful=False)


def test_what_cannot_begin_is_one_line(cluster: Cluster, on_cluster: Engine, small_model: Path, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"none holds no model on .*put it where every node reads it"):
        load_ray(tmp_path / "none", on_cluster)

    monkeypatch.setattr(ray_engine, "PLACEMENT_TIMEOUT_S", 1.0)
    ray.init(cluster.address)
    try:
        held = ray.util.placement_group([{"CPU": 1}, {"CPU": 1}])
        assert held.wait(60)
        with pytest.raises(InputError, match=r"none of 2 replicas has found a place .*each takes 1 CPU cores"):
            load_ray(small_model, on_cluster)
        ray.util.remove_placement_group(held)
    finally:
        ray.shutdown()


def test_a_lost_node_costs_only_the_requests_that_it_had(
    cluster: Cluster, on_cluster: Engine, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def ask(engine: Engine, journal: Path, asked: Sequence[Request]) -> Generation:
        return generate_answers(
            asked, GREEDY, model_folder=small_model, engine=engine, journal_path=journal, what="animals"
        )

    here = ask(IN_PROCESS, tmp_path / "here.sqlite", requests())
    asked = Asked(monkeypatch)
    journal = tmp_path / "there.sqlite"
    killer = once_journalled(journal, NUM_REQUESTS // 4, lambda: lose_a_node(cluster))
    there = ask(on_cluster, journal, requests())
    killer.join(timeout=60)
    assert len(cluster.worker_nodes) == 1, "no node was lost while requests were asked"

    assert there.answers.keys() == here.answers.keys() == {f"r{n}" for n in range(NUM_REQUESTS)}
    assert there.rejections == here.rejections
    assert there.rejections["long"].reason is RejectReason.PROMPT_TOO_LONG
    assert (there.usage.asked, there.usage.from_journal) == (NUM_REQUESTS + 1, 0)
    assert there.usage.prompt_tokens == here.usage.prompt_tokens
    assert there.usage.cached_tokens > there.usage.prompt_tokens / 3, "the replicas' prefix caches were not hit"
    same = sum(there.answers[name].text == here.answers[name].text for name in here.answers)
    assert same >= NUM_REQUESTS * 3 // 4, "greedy answers differ: the replicas' settings are not the engine's here"

    again = {name for name, outcomes in asked.outcomes.items() if len(outcomes) > 1}
    assert again, "the lost node had no requests: nothing was tried"
    for outcomes in asked.outcomes.values():
        assert [isinstance(outcome, Answer) for outcome in outcomes[:-1]] == [False] * (len(outcomes) - 1)
    rerun = ask(on_cluster, journal, requests()[:-1]).usage
    assert (rerun.asked, rerun.cost.as_metrics()) == (0, there.usage.cost.as_metrics())
    assert there.usage.cost.nanoseconds == round(there.usage.seconds * 1e9)


def test_a_replica_comes_back_with_a_node(
    cluster: Cluster, on_cluster: Engine, small_model: Path, monkeypatch: pytest.MonkeyPatch
):
    while len(cluster.worker_nodes) < 2:  # another test may have lost one
        cluster.add_node(num_cpus=1)
    asked = Asked(monkeypatch)
    given_up_at = time.monotonic() + COMING_BACK_S
    num_given = 0

    def until_it_is_back() -> Iterator[Request]:
        nonlocal num_given
        while not asked.has_come_back() and time.monotonic() < given_up_at:
            yield Request(f"r{num_given}", f"Number {num_given} is the", seed=num_given, group=str(num_given % 2))
            num_given += 1

    engine = load_ray(small_model, on_cluster)
    try:
        ended = []
        for request, outcome in engine.generate(until_it_is_back(), GREEDY):
            ended.append(request.id)
            assert isinstance(outcome, Answer)
            if len(ended) == 8:
                lose_a_node(cluster)
                cluster.add_node(num_cpus=1)
    finally:
        engine.close()
    assert asked.has_come_back(), f"no replica came back within {COMING_BACK_S} s, in which {num_given} requests ended"
    assert sorted(ended) == sorted(f"r{number}" for number in range(num_given))
