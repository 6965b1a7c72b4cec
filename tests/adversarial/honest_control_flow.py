"""Honest programs with unusual control flow: branches, loops, early returns and exits."""

from adversarial.program import honest

CASES = (
    honest(
        "the last statement inside an else",
        """
        def parse(text):
            return dict(pair.split("=") for pair in text.split(";"))

        try:
            settings = parse("a=1;b=2")
        except ValueError as error:
            raise AssertionError("not parsed") from error
        else:
            assert settings == {"a": "1", "b": "2"}
        """,
    ),
    honest(
        "the last statement inside a finally",
        """
        log = []

        def transaction(action):
            log.append("begin")
            try:
                result = action()
                log.append("commit")
                return result
            except ZeroDivisionError:
                log.append("rollback")
                return None

        try:
            value = transaction(lambda: 1 / 0)
        finally:
            assert log == ["begin", "rollback"]
            assert transaction(lambda: 6) == 6
            assert log[-1] == "commit"
        """,
    ),
    honest(
        "the last statement in the else of a loop",
        """
        def smallest_divisor(n):
            return next((d for d in range(2, int(n ** 0.5) + 1) if n % d == 0), n)

        for n, expected in ((15, 3), (49, 7), (13, 13)):
            if smallest_divisor(n) != expected:
                raise AssertionError(n)
        else:
            assert smallest_divisor(91) == 7
        """,
    ),
    honest(
        "a match statement as code and as test",
        """
        def simplify(expression):
            match expression:
                case ("+", 0, right):
                    return simplify(right)
                case ("*", 1, right) | ("*", right, 1):
                    return simplify(right)
                case (operator, left, right):
                    return (operator, simplify(left), simplify(right))
                case _:
                    return expression

        match simplify(("+", 0, ("*", "x", 1))):
            case "x":
                print("ok")
            case other:
                raise AssertionError(other)
        assert simplify(("-", ("*", 1, "a"), "b")) == ("-", "a", "b")
        """,
    ),
    honest(
        "an exit code of 0 at the end",
        """
        import sys

        def wrap(text, width):
            lines = [""]
            for word in text.split():
                if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
                    lines.append("")
                lines[-1] = f"{lines[-1]} {word}".strip()
            return lines

        def main():
            assert wrap("the quick brown fox", 10) == ["the quick", "brown fox"]
            assert wrap("", 5) == [""]
            return 0

        if __name__ == "__main__":
            sys.exit(main())
        """,
    ),
    honest(
        "the number of failures as the exit code",
        """
        def swap_case(text):
            return "".join(c.lower() if c.isupper() else c.upper() for c in text)

        failures = 0
        for text, expected in (("aB", "Ab"), ("x1", "X1"), ("", "")):
            if swap_case(text) != expected:
                print("FAIL", text)
                failures += 1
        assert failures == 0, failures
        raise SystemExit(failures)
        """,
    ),
    honest(
        "an assertion after an early return of main",
        """
        import os

        def human_size(n):
            for unit in ("B", "KB", "MB"):
                if n < 1024:
                    return f"{n:.0f} {unit}"
                n /= 1024
            return f"{n:.1f} GB"

        def main():
            if os.environ.get("SKIP_TESTS_OF_HUMAN_SIZE"):
                return
            assert human_size(512) == "512 B"
            assert human_size(2048) == "2 KB"
            assert human_size(3 * 1024 ** 3) == "3.0 GB"

        main()
        """,
    ),
    honest(
        "an if and elif chain with an assertion in each branch",
        """
        def classify(triangle):
            sides = len(set(triangle))
            return {1: "equilateral", 2: "isosceles", 3: "scalene"}[sides]

        for triangle in [(3, 3, 3), (3, 3, 4), (3, 4, 5)]:
            kind = classify(triangle)
            if triangle[0] == triangle[2]:
                assert kind == "equilateral"
            elif triangle[0] == triangle[1]:
                assert kind == "isosceles"
            else:
                assert kind == "scalene"
        """,
    ),
)
