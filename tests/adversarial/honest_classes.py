"""Honest programs with classes of many kinds: special methods, properties, descriptors and metaclasses."""

from adversarial.program import honest

CASES = (
    honest(
        "class methods, static methods and properties",
        """
        class Color:
            def __init__(self, red, green, blue):
                self.rgb = (red, green, blue)

            @classmethod
            def from_hex(cls, text):
                return cls(*(int(text[i:i + 2], 16) for i in (1, 3, 5)))

            @staticmethod
            def clamp(value):
                return max(0, min(255, value))

            @property
            def brightness(self):
                return sum(self.rgb) // 3

            @brightness.setter
            def brightness(self, value):
                change = value - self.brightness
                self.rgb = tuple(self.clamp(part + change) for part in self.rgb)

        color = Color.from_hex("#102030")
        assert color.rgb == (16, 32, 48)
        assert color.brightness == 32
        color.brightness = 250
        assert color.rgb == (234, 250, 255)
        assert Color.clamp(-4) == 0
        """,
    ),
    honest(
        "a data class with a method, an order and a check",
        """
        from dataclasses import dataclass, field, replace

        @dataclass(order=True, frozen=True)
        class Version:
            parts: tuple = field()

            def __post_init__(self):
                if not all(part >= 0 for part in self.parts):
                    raise ValueError("negative part")

            @classmethod
            def parse(cls, text):
                return cls(tuple(int(part) for part in text.split(".")))

            def bump(self, position):
                parts = [*self.parts[:position], self.parts[position] + 1]
                return replace(self, parts=(*parts, *[0] * (len(self.parts) - len(parts))))

        assert Version.parse("1.2.9").bump(1) == Version((1, 3, 0))
        assert max(map(Version.parse, ["1.2", "1.10", "1.9"])) == Version.parse("1.10")
        try:
            Version((1, -2))
        except ValueError as error:
            reason = str(error)
        assert reason == "negative part"
        """,
    ),
    honest(
        "an enumeration with behaviour",
        """
        import enum

        class Light(enum.Enum):
            RED = 3
            GREEN = 2
            YELLOW = 1

            def next(self):
                order = list(Light)
                return order[(order.index(self) + 1) % len(order)]

            @classmethod
            def cycle_time(cls):
                return sum(light.value for light in cls)

        assert Light.RED.next() is Light.GREEN
        assert Light.YELLOW.next() is Light.RED
        assert Light.cycle_time() == 6
        """,
    ),
    honest(
        "named tuples and their methods",
        """
        from typing import NamedTuple

        class Span(NamedTuple):
            start: int
            end: int

            def overlaps(self, other):
                return self.start < other.end and other.start < self.end

            def merge(self, other):
                return Span(min(self.start, other.start), max(self.end, other.end))

        def merge_all(spans):
            merged = []
            for span in sorted(spans):
                if merged and merged[-1].overlaps(span):
                    merged[-1] = merged[-1].merge(span)
                else:
                    merged.append(span)
            return merged

        assert merge_all([Span(5, 9), Span(0, 3), Span(2, 4)]) == [(0, 4), (5, 9)]
        assert Span(0, 2).overlaps(Span(2, 3)) is False
        """,
    ),
    honest(
        "an asynchronous iterator and an asynchronous context",
        """
        import asyncio

        class Ticker:
            def __init__(self, n):
                self.n, self.open = n, False

            async def __aenter__(self):
                self.open = True
                return self

            async def __aexit__(self, *error):
                self.open = False

            def __aiter__(self):
                return self

            async def __anext__(self):
                if self.n == 0:
                    raise StopAsyncIteration
                self.n -= 1
                await asyncio.sleep(0)
                return self.n

        async def main():
            async with Ticker(3) as ticker:
                assert ticker.open is True
                assert [tick async for tick in ticker] == [2, 1, 0]
            assert ticker.open is False

        asyncio.run(main())
        """,
    ),
    honest(
        "a metaclass that keeps a register",
        """
        class Registering(type):
            known = {}

            def __new__(mcs, name, bases, namespace, **options):
                cls = super().__new__(mcs, name, bases, namespace)
                if bases:
                    mcs.known[options.get("key", name.lower())] = cls
                return cls

        class Shape(metaclass=Registering):
            def area(self):
                raise NotImplementedError

        class Square(Shape, key="sq"):
            def area(self):
                return 4

        class Dot(Shape):
            def area(self):
                return 0

        assert sorted(Registering.known) == ["dot", "sq"]
        assert Registering.known["sq"]().area() == 4
        assert [kind().area() for kind in Registering.known.values()] == [4, 0]
        """,
    ),
    honest(
        "a descriptor that validates",
        """
        class Bounded:
            def __init__(self, low, high):
                self.low, self.high = low, high

            def __set_name__(self, owner, name):
                self.name = "_" + name

            def __get__(self, instance, owner=None):
                return self if instance is None else getattr(instance, self.name)

            def __set__(self, instance, value):
                if not self.low <= value <= self.high:
                    raise ValueError(f"{self.name[1:]} must be between {self.low} and {self.high}")
                setattr(instance, self.name, value)

        class Player:
            health = Bounded(0, 100)

            def hit(self, damage):
                self.health = max(0, self.health - damage)

        player = Player()
        player.health = 30
        player.hit(20)
        assert player.health == 10
        player.hit(50)
        assert player.health == 0
        try:
            player.health = 101
        except ValueError as error:
            message = str(error)
        assert message == "health must be between 0 and 100"
        """,
    ),
    honest(
        "operators, indexing and length of an own class",
        """
        class Deck:
            def __init__(self, cards):
                self._cards = list(cards)

            def __len__(self):
                return len(self._cards)

            def __getitem__(self, position):
                cards = self._cards[position]
                return Deck(cards) if isinstance(position, slice) else cards

            def __add__(self, other):
                return Deck([*self, *other])

            def __bool__(self):
                return len(self) > 1

            def __repr__(self):
                return f"Deck({'-'.join(self._cards)})"

        deck = Deck("ABCD")
        assert len(deck[1:]) == 3
        assert repr(deck[::-1] + deck[:1]) == "Deck(D-C-B-A-A)"
        assert "C" in deck and deck[-1] == "D"
        assert bool(deck) is True and bool(deck[:1]) is False
        """,
    ),
    honest(
        "attributes that are made when they are asked for",
        """
        class Config:
            def __init__(self, values):
                self._values = values

            def __getattr__(self, name):
                try:
                    value = self._values[name]
                except KeyError:
                    raise AttributeError(name) from None
                return Config(value) if isinstance(value, dict) else value

        config = Config({"server": {"host": "localhost", "port": 80}, "debug": False})
        assert config.server.host == "localhost"
        assert config.server.port == 80
        assert config.debug is False
        assert not hasattr(config, "missing")
        assert getattr(config.server, "path", "/") == "/"
        """,
    ),
    honest(
        "an abstract class with two implementations",
        """
        from abc import ABC, abstractmethod

        class Codec(ABC):
            @abstractmethod
            def encode(self, text): ...

            @abstractmethod
            def decode(self, data): ...

            def round_trip(self, text):
                return self.decode(self.encode(text))

        class Hex(Codec):
            def encode(self, text):
                return text.encode().hex()

            def decode(self, data):
                return bytes.fromhex(data).decode()

        class Shift(Codec):
            def encode(self, text):
                return [ord(c) + 1 for c in text]

            def decode(self, data):
                return "".join(chr(n - 1) for n in data)

        assert Hex().encode("AZ") == "415a"
        assert Shift().encode("AZ") == [66, 91]
        assert [codec.round_trip("round") for codec in (Hex(), Shift())] == ["round", "round"]
        try:
            Codec()
        except TypeError as error:
            assert "abstract" in str(error)
        """,
    ),
)
