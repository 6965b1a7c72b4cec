"""Who takes which request: prefixes and samples of a task stay together, and no server idles."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.generation import Request, RetryPolicy
from selfcodealign.generation.server_pool import ServerPool

POLICY = RetryPolicy(first_delay_s=1.0, max_delay_s=1.0)


def pool_of(num_servers: int, max_concurrency: int, requests: list[Request]) -> ServerPool:
    pool = ServerPool([f"server {n}" for n in range(num_servers)], max_concurrency, POLICY, seed=0)
    for request in requests:
        pool.add(request)
    return pool


def samples(num_tasks: int, num_samples: int, group: str = "one") -> list[Request]:
    return [
        Request(f"t{task}s{sample}", f"task {task}", seed=sample, group=group)
        for task in range(num_tasks)
        for sample in range(num_samples)
    ]


def ask_all(pool: ServerPool, num_servers: int) -> dict[int, list[Request]]:
    """What each server gets, if all answer at the same pace."""
    got: dict[int, list[Request]] = defaultdict(list)
    is_working = True
    while is_working:
        jobs = [(index, pool.next_job(index, now=0.0)) for index in range(num_servers)]
        for index, job in jobs:
            if job is not None:
                got[index].append(job.request)
                pool.answered(index)
        is_working = any(job is not None for _, job in jobs)
    return got


def test_a_helper_takes_over_all_samples_of_a_task():
    got = ask_all(pool_of(4, 4, samples(num_tasks=80, num_samples=5)), 4)
    servers_of = defaultdict(set)
    for index, requests in got.items():
        for request in requests:
            servers_of[request.prompt].add(index)
    assert sorted(len(requests) for requests in got.values())[0] >= 80, "a server idled"
    spread = Counter(len(servers) for servers in servers_of.values())
    # But for the last tasks, of which there is not one for each server.
    assert spread[1] >= 75


@given(tasks=st.lists(st.tuples(st.integers(1, 6), st.sampled_from("abc")), max_size=12), num_servers=st.integers(1, 4))
def test_every_request_is_given_out_once_and_none_idles_while_another_waits(tasks, num_servers):
    requests = [
        Request(f"t{task}s{sample}", f"task {task}", sample, group)
        for task, (num_samples, group) in enumerate(tasks)
        for sample in range(num_samples)
    ]
    got = ask_all(pool_of(num_servers, 1, requests), num_servers)
    assert Counter(request.id for taken in got.values() for request in taken) == Counter(
        {request.id: 1 for request in requests}
    )
    counts = [len(got[index]) for index in range(num_servers)]
    assert max(counts) - min(counts) <= 1


def test_what_a_lost_server_had_is_asked_by_another_before_the_rest():
    requests = samples(num_tasks=6, num_samples=2)
    pool = pool_of(2, 4, requests)
    in_flight = [job for _ in range(4) if (job := pool.next_job(0, now=0.0)) is not None]
    for job in in_flight:
        assert pool.failed(0, job, now=0.0, is_unreachable=True)
    again = [pool.next_job(1, now=0.0) for _ in range(4)]
    assert {job.request.id for job in again if job is not None} == {job.request.id for job in in_flight}
    assert all(job is not None and job.tries == 1 for job in again)
    assert pool.next_job(0, now=0.0) is None, "a lost server was asked"
