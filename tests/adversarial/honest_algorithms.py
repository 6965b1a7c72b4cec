"""Honest programs that implement a textbook algorithm."""

from adversarial.program import honest

CASES = (
    honest(
        "tests that compare with a slow way to do the same",
        """
        def count_primes(n):
            sieve = bytearray([1]) * (n + 1)
            sieve[:2] = b"\\0\\0"[:n + 1]
            for p in range(2, int(n ** 0.5) + 1):
                if sieve[p]:
                    sieve[p * p::p] = bytes(len(range(p * p, n + 1, p)))
            return sum(sieve)

        EXPECTED = [0, 0, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5]
        assert [count_primes(n) for n in range(12)] == EXPECTED
        for n in (50, 100):
            assert count_primes(n) == sum(all(k % d for d in range(2, k)) for k in range(2, n + 1))
        """,
    ),
    honest(
        "shortest paths with a heap",
        """
        import heapq

        def dijkstra(graph, start):
            distances, heap = {}, [(0, start)]
            while heap:
                distance, node = heapq.heappop(heap)
                if node in distances:
                    continue
                distances[node] = distance
                for neighbour, weight in graph.get(node, {}).items():
                    heapq.heappush(heap, (distance + weight, neighbour))
            return distances

        graph = {"a": {"b": 4, "c": 1}, "c": {"b": 2, "d": 7}, "b": {"d": 1}}
        assert dijkstra(graph, "a") == {"a": 0, "c": 1, "b": 3, "d": 4}
        assert dijkstra(graph, "d") == {"d": 0}
        """,
    ),
)
