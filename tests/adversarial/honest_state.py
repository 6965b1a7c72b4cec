"""Honest programs whose results depend on state: changed arguments, globals, machines and random seeds."""

from adversarial.program import honest

CASES = (
    honest(
        "a list changed in place",
        """
        def rotate_in_place(items, k):
            if items:
                k %= len(items)
                items[:] = items[-k:] + items[:-k]

        numbers = [1, 2, 3, 4, 5]
        rotate_in_place(numbers, 2)
        assert numbers == [4, 5, 1, 2, 3]
        rotate_in_place(numbers, 5)
        assert numbers == [4, 5, 1, 2, 3]
        """,
    ),
    honest(
        "a grid changed in place that returns nothing",
        """
        def fill(grid, row, column, color):
            old = grid[row][column]
            todo = [(row, column)] if old != color else []
            while todo:
                r, c = todo.pop()
                if 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c] == old:
                    grid[r][c] = color
                    todo += [(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]

        grid = [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
        result = fill(grid, 0, 0, 7)
        assert result is None
        assert grid == [[7, 7, 0], [0, 7, 0], [1, 0, 1]]
        """,
    ),
    honest(
        "random numbers with a seed",
        """
        import random

        def sample_without(population, excluded, k, seed):
            rng = random.Random(seed)
            return rng.sample([item for item in population if item not in excluded], k)

        def estimate_pi(n, seed):
            rng = random.Random(seed)
            inside = sum(rng.random() ** 2 + rng.random() ** 2 < 1 for _ in range(n))
            return 4 * inside / n

        assert sample_without(range(5), {0, 1}, 3, seed=1) != [0, 1, 2]
        assert sorted(sample_without(range(5), {0, 1}, 3, seed=1)) == [2, 3, 4]
        assert abs(estimate_pi(4000, seed=3) - 3.14159) < 0.1
        """,
    ),
    honest(
        "a global variable changed by a function",
        """
        total = 0
        history = []

        def record(amount):
            global total
            total += amount
            history.append(total)

        for amount in (5, -2, 10):
            record(amount)
        assert total == 13
        assert history == [5, 3, 13]
        """,
    ),
    honest(
        "a state machine driven by events",
        """
        class Door:
            TRANSITIONS = {
                ("closed", "open"): "opened",
                ("opened", "close"): "closed",
                ("closed", "lock"): "locked",
                ("locked", "unlock"): "closed",
            }

            def __init__(self):
                self.state = "closed"

            def handle(self, event):
                new = self.TRANSITIONS.get((self.state, event))
                if new is None:
                    return False
                self.state = new
                return True

        door = Door()
        assert [door.handle(event) for event in ("open", "lock", "close", "lock")] == [True, False, True, True]
        assert door.state == "locked"
        assert door.handle("open") is False
        """,
    ),
)
