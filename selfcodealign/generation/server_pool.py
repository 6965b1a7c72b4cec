"""Which server takes which request, and when: queues, prefixes, failing servers and rate limits. No network in here.

Each server has a queue of its own, with the requests of the groups that are at home there, so that a group's prefix
stays in one cache. A server whose queue is empty helps out at the end of the longest one, where it takes over requests
with the same prompt together (the samples of a task): no server idles, and a dead one's requests go to the others.

A server that fails time after time is left alone for a while that doubles, and then tried with one request at a time.
Told that it is asked too much, a server gets half of its places, and they grow again with each answer.
"""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfcodealign.generation.engine import RejectReason, Request


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon a request is asked again, and when all servers count as lost.

    Attributes:
        max_tries: tries of one request; the last one's failure is what it is counted under.
        first_delay_s: seconds before the second try; each further delay is twice as long.
        max_delay_s: seconds of a delay at most, unless the server asks for more.
        failures_to_rest: failures in a row after which a server is left alone.
        outage_s: seconds without any answer, while servers fail, after which the run ends.
    """

    max_tries: int = 6
    first_delay_s: float = 1.0
    max_delay_s: float = 30.0
    failures_to_rest: int = 4
    outage_s: float = 600.0

    def delay_s(self, failures: int, draw: random.Random) -> float:
        """Seconds to wait after so many failures (from 1): exponential, with a jitter of a half up to the whole."""
        whole = min(self.first_delay_s * 2.0 ** min(failures - 1, 30), self.max_delay_s)
        return whole * draw.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that gave no answer and may be repeated.

    Attributes:
        reason: what the request is counted under, if no try succeeds.
        detail: the server's words, or the exception's, in one line.
        is_unreachable: the server was never reached, so that the request has no part in it.
        retry_after_s: seconds that the server asked to wait; None: it did not say.
    """

    reason: RejectReason
    detail: str
    is_unreachable: bool = False
    retry_after_s: float | None = None


@dataclass(slots=True)
class Job:
    """A request on its way: the server whose queue it belongs to, and the tries that it had."""

    request: Request
    home: "Server"
    tries: int = 0


@dataclass(slots=True)
class Server:
    """What is known of one server.

    Attributes:
        url: its address.
        places: requests that it may have at the same time, at present.
        in_flight: requests that it has.
        failures: failures since its last answer; those of one burst count once it rests no more.
        rests_until: it gets nothing before this time.
        queue: the requests that are at home here and may be asked now.
    """

    url: str
    places: float
    in_flight: int = 0
    failures: int = 0
    rests_until: float = 0.0
    queue: deque[Job] = field(default_factory=deque)


class ServerPool:
    """Requests by server. Times are seconds of any clock that never goes back."""

    def __init__(self, urls: Sequence[str], max_concurrency: int, policy: RetryPolicy, seed: int) -> None:
        self._policy = policy
        self._servers = [Server(url, float(max_concurrency)) for url in urls]
        self._max_concurrency = max_concurrency
        self._draw = random.Random(seed)  # noqa: S311 - spreads delays
        self._homes: dict[str, Server] = {}
        # Requests that wait for their next try: when, a number that keeps their order, and which.
        self._delayed: list[tuple[float, int, Job]] = []
        self._num_delayed = 0
        self._failing_since: float | None = None

    @property
    def num_places(self) -> int:
        """Requests that all servers together may have at the same time, when none of them fails."""
        return len(self._servers) * self._max_concurrency

    def add(self, request: Request) -> None:
        """Take a request into the queue of its group's server: the groups go round the servers as they first come."""
        home = self._homes.get(request.group)
        if home is None:
            home = self._homes[request.group] = self._servers[len(self._homes) % len(self._servers)]
        home.queue.append(Job(request, home))

    def next_job(self, server_index: int, now: float) -> Job | None:
        """The request that a server is to be asked now, or None: it has no place, rests, or nothing is due."""
        while self._delayed and self._delayed[0][0] <= now:
            job = heapq.heappop(self._delayed)[2]
            job.home.queue.appendleft(job)
        server = self._servers[server_index]
        if now < server.rests_until or server.in_flight >= self._places(server):
            return None
        if not server.queue:
            self._help_out(server, now)
        if not server.queue:
            return None
        job = server.queue.popleft()
        server.in_flight += 1
        job.tries += 1
        return job

    def _help_out(self, helper: Server, now: float) -> None:
        """Take over from the longest queue: a run of requests with one prompt, and not more than half of the queue."""
        source = max(self._servers, key=lambda other: len(other.queue))
        # What its home would come to last; a resting one comes to nothing for now, and what waits longest goes first.
        is_resting = now < source.rests_until
        prompt = source.queue[0 if is_resting else -1].request.prompt if source.queue else None
        for _ in range((len(source.queue) + 1) // 2):
            if source.queue[0 if is_resting else -1].request.prompt != prompt:
                break
            job = source.queue.popleft() if is_resting else source.queue.pop()
            job.home = helper
            helper.queue.append(job) if is_resting else helper.queue.appendleft(job)

    def _places(self, server: Server) -> int:
        """Requests at the same time: one, while it has to show that it works again."""
        return 1 if server.failures >= self._policy.failures_to_rest else int(server.places)

    def answered(self, server_index: int) -> None:
        """A server has answered (or refused a request that is at fault): it works, and gets back a part of a place."""
        server = self._servers[server_index]
        server.in_flight -= 1
        server.failures = 0
        server.places = min(float(self._max_concurrency), server.places + 1.0 / server.places)
        self._failing_since = None

    def released(self, server_index: int) -> None:
        """A request that was given out has ended without the server."""
        self._servers[server_index].in_flight -= 1

    def failed(
        self,
        server_index: int,
        job: Job,
        now: float,
        *,
        is_rate_limit: bool = False,
        is_unreachable: bool = False,
        retry_after_s: float | None = None,
    ) -> bool:
        """A try has failed: the request waits for its next one.

        Args:
            server_index: which server.
            job: the request.
            now: the time.
            is_rate_limit: the server was asked too much.
            is_unreachable: no connection was made, so that the request has not had this try.
            retry_after_s: seconds that the server asked to wait.

        Returns:
            Whether the request will be tried again; False: it has had its tries.
        """
        server = self._servers[server_index]
        server.in_flight -= 1
        job.tries -= is_unreachable
        if self._failing_since is None:
            self._failing_since = now
        if now >= server.rests_until:
            server.failures += 1
            if is_rate_limit:
                server.places = max(1.0, server.places / 2)
        is_of_server = is_unreachable or is_rate_limit or retry_after_s is not None
        if is_of_server or server.failures >= self._policy.failures_to_rest:
            rest = max(self._policy.delay_s(server.failures, self._draw), retry_after_s or 0.0)
            server.rests_until = max(server.rests_until, now + rest)
        if job.tries >= self._policy.max_tries:
            return False
        # What a whole server suffers from, another one may not: there the request need not wait.
        delay = 0.0 if is_of_server else self._policy.delay_s(job.tries, self._draw)
        self._num_delayed += 1
        heapq.heappush(self._delayed, (now + delay, self._num_delayed, job))
        return True

    def wait_s(self, now: float) -> float:
        """Seconds until a server or a request may be due again, if nothing else happens before."""
        times = [server.rests_until for server in self._servers if server.rests_until > now]
        times += [self._delayed[0][0]] if self._delayed else []
        return max(0.001, min(times, default=now + 60.0) - now)

    def outage(self, now: float) -> str | None:
        """If every server fails and none has answered for too long, or will for too long: that, in words."""
        if self._failing_since is None or not all(server.failures for server in self._servers):
            return None
        silent_s = now - self._failing_since
        if silent_s > self._policy.outage_s:
            return f"none has answered for {silent_s:.0f} s"
        rest_s = min(server.rests_until for server in self._servers) - now
        return f"each asks to wait {rest_s:.0f} s or more" if rest_s > self._policy.outage_s else None
