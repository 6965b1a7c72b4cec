"""The engine on a Ray cluster: vLLM replicas as actors, all of them working through one queue.

Ray places the actors, starts them again elsewhere when their node is lost (`max_restarts`) and carries requests and
answers; which replica takes which request is `ServerPool`'s to say, as with servers. Plain actors, because what is
built on top of them does not fit: Ray Data's batches (`ray.data.llm`) take a data set that is known beforehand, while
requests here may depend on earlier answers, answers are to be kept one by one as they end, and a growing answer may be
ended early; Ray Serve LLM is a service with an address of its own, which `engine.kind: openai` asks as any other. Both
come with the extra `ray[llm]`, which pins one CUDA build of vLLM, another than this project's.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from selfcodealign.cluster import connect, living_nodes
from selfcodealign.errors import InputError, SelfCodeAlignError
from selfcodealign.generation.engine import Answer, Decoding, Rejection, RejectReason, Request
from selfcodealign.generation.pooled_engine import PooledEngine
from selfcodealign.generation.ray_replica import Replica
from selfcodealign.generation.replica_layout import ReplicaLayout, replica_layout
from selfcodealign.generation.server_pool import Failure, RetryPolicy, ServerPool
from selfcodealign.generation.vllm_engine import WAITING_PER_RUNNING
from selfcodealign.params import Engine as EngineSettings

# A place is a matter of seconds on a cluster that has one free.
PLACEMENT_TIMEOUT_S = 60.0
# To look whether a replica is up again costs next to nothing.
MAX_DELAY_S = 5.0
DETAIL_CHARACTERS = 200

logger = logging.getLogger(__name__)


class ReplicaHandle:
    """A replica as it is seen from here: whether it has its model loaded, and what it answers."""

    def __init__(self, actor: Any, url: str) -> None:
        self.url = url
        self.actor = actor
        self._loading: Any = actor.load.remote()
        self._is_unusable = False

    @property
    def loading(self) -> Any:
        """Ray's reference to the end of the loading that is under way; None: it is loaded, as far as is known."""
        return self._loading

    async def ask(self, request: Request, decoding: Decoding) -> Answer | Rejection | Failure:
        """One try of one request. Whatever was in flight on a replica that is lost has failed with it."""
        from ray.exceptions import RayError

        if not self._is_up():
            return Failure(RejectReason.SERVER_ERROR, f"{self.url} is not up", is_unreachable=True)
        try:
            outcome: Answer | Rejection = await self.actor.answer.remote(request, decoding)
        except RayError as error:
            if self._loading is None:
                logger.warning("%s is lost; its requests are asked again: %s", self.url, _one_line(error))
                self._loading = self.actor.load.remote()
            return Failure(RejectReason.SERVER_ERROR, f"{self.url}: {_one_line(error)}")
        return outcome

    async def close(self) -> None:
        """Nothing to close: the actor lives as long as the engine."""

    def _is_up(self) -> bool:
        """Whether it can be asked; what has come of the loading is looked at, and never waited for."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        if self._loading is not None and not self._is_unusable and ray.wait([self._loading], timeout=0)[0]:
            try:
                ray.get(self._loading)
            except RayTaskError as error:
                logger.warning("%s takes no part: %s", self.url, _one_line(error.cause))
                self._is_unusable = True
            except RayError:
                self._loading = self.actor.load.remote()
            else:
                self._loading = None
        return self._loading is None


def load_ray(model_folder: Path, settings: EngineSettings) -> PooledEngine:
    """Start replicas on the cluster, and wait until they have loaded the model; what finds no place joins later.

    Args:
        model_folder: the model's files, at a path that every node can read.
        settings: the `engine` section of the params.

    Raises:
        PrerequisiteError: Ray is not installed here, or vLLM not on a node.
        InputError: no cluster at the address, no room for a replica, no model at that path on a node, or none that
            vLLM can load.
    """
    with ExitStack() as stack:
        stack.enter_context(connect(settings.ray_address))
        layout = replica_layout(living_nodes(), settings)
        actors = _start_actors(model_folder.resolve(), settings, layout, stack)
        num_placed = _check_places(actors, model_folder.resolve(), layout)
        replicas = [ReplicaHandle(actor, f"replica {number}") for number, actor in enumerate(actors)]
        _wait_until_loaded(replicas, num_placed)
        policy = RetryPolicy(max_tries=settings.max_tries, max_delay_s=MAX_DELAY_S)
        names = [replica.url for replica in replicas]
        return PooledEngine(
            connect=lambda: replicas,
            make_pool=lambda: ServerPool(names, settings.max_num_seqs * WAITING_PER_RUNNING, policy, seed=0),
            release=stack.pop_all().close,
        )


def _start_actors(folder: Path, settings: EngineSettings, layout: ReplicaLayout, stack: ExitStack) -> list[Any]:
    import ray

    share = settings.model_copy(update={"kv_cache_gib": layout.kv_cache_gib})
    make = ray.remote(Replica).options(
        num_cpus=layout.num_cpus,
        num_gpus=layout.num_gpus,
        max_restarts=-1,
        scheduling_strategy="SPREAD",
        # Two more: for what is asked of the replica itself.
        max_concurrency=settings.max_num_seqs * WAITING_PER_RUNNING + 2,
    )
    actors = [make.remote(str(folder), share) for _ in range(layout.num_replicas)]
    for actor in actors:
        stack.callback(ray.kill, actor)
    return actors


def _check_places(actors: Sequence[Any], folder: Path, layout: ReplicaLayout) -> int:
    """Wait until the actors run on a node, and look whether the model is there.

    Returns:
        How many have found a place by now.

    Raises:
        InputError: none of them finds a place, or one of them no model.
    """
    import ray
    from ray.exceptions import RayError

    asked = [actor.place.remote() for actor in actors]
    placed, unplaced = ray.wait(asked, num_returns=len(asked), timeout=PLACEMENT_TIMEOUT_S)
    if not placed:
        raise InputError(
            f"none of {len(asked)} replicas has found a place within {PLACEMENT_TIMEOUT_S:.0f} s: each takes {layout},"
            " and others hold what the Ray cluster has; end them, or lower the engine's parallel sizes"
        )
    if unplaced:
        logger.warning("%d of %d replicas wait for %s; the others begin", len(unplaced), len(asked), layout)
    try:
        places = ray.get(placed)
    except RayError as error:
        raise InputError(f"a replica does not start: {_one_line(error)}; install this package on every node") from error
    without = sorted({place.host for place in places if not place.has_model})
    if without:
        hosts = ", ".join(without)
        raise InputError(
            f"{folder} holds no model on {hosts} (config.json is missing); put it where every node reads it"
        )
    return len(placed)


def _wait_until_loaded(replicas: Sequence[ReplicaHandle], num_placed: int) -> None:
    """Wait until the replicas that have a place have loaded the model.

    Raises:
        InputError: vLLM cannot load it, or all of them died of it.
        PrerequisiteError: a node has no vLLM.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    ended, _ = ray.wait([replica.loading for replica in replicas], num_returns=num_placed)
    deaths = []
    for loading in ended:
        try:
            ray.get(loading)
        except RayTaskError as error:
            if isinstance(error.cause, SelfCodeAlignError):
                raise error.cause from error
            raise
        except RayError as error:
            deaths.append(_one_line(error))
    if len(deaths) == len(ended):
        raise InputError(f"every replica died while it loaded the model: {deaths[0]}; lower engine.kv_cache_gib")


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:DETAIL_CHARACTERS]
