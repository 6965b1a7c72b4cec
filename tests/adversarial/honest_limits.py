"""Honest programs that come close to the limits of recursion and memory, or exceed them and recover."""

from adversarial.program import honest

CASES = (
    honest(
        "recursion that is nearly as deep as it may be",
        """
        def depth(n):
            return 0 if n == 0 else 1 + depth(n - 1)

        assert depth(980) == 980
        assert depth(0) == 0
        """,
    ),
    honest(
        "recursion that goes too deep and is caught",
        """
        class Node:
            def __init__(self, child=None):
                self.child = child

            def height(self):
                return 1 + (self.child.height() if self.child else 0)

        def safe_height(node):
            try:
                return node.height()
            except RecursionError:
                return "too deep"

        chain = None
        for _ in range(5000):
            chain = Node(chain)
        assert safe_height(chain) == "too deep"
        assert safe_height(Node(Node())) == 2
        """,
    ),
    honest(
        "a deep recursion under a raised limit",
        """
        import sys

        def count_down(n):
            return [] if n == 0 else [n] if n == 1 else count_down(n - 1)

        def ackermann(m, n):
            if m == 0:
                return n + 1
            return ackermann(m - 1, 1) if n == 0 else ackermann(m - 1, ackermann(m, n - 1))

        sys.setrecursionlimit(3500)
        assert count_down(3000) == [1]
        assert ackermann(2, 200) == 403
        """,
    ),
    honest(
        "a MemoryError that is caught",
        """
        def allocate(size):
            try:
                return bytearray(size)
            except MemoryError:
                return None

        assert allocate(1 << 60) is None
        assert allocate(3) == bytearray(3)
        assert len(allocate(1000)) == 1000
        """,
    ),
    honest(
        "a MemoryError that is raised on purpose",
        """
        class Pool:
            def __init__(self, capacity):
                self.free = capacity

            def take(self, size):
                if size > self.free:
                    raise MemoryError(f"{size} of {self.free}")
                self.free -= size
                return self.free

        pool = Pool(10)
        assert pool.take(4) == 6
        try:
            pool.take(7)
        except MemoryError as error:
            text = str(error)
        assert text == "7 of 6"
        """,
    ),
)
