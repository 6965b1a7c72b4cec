"""The requests of a step, made from its rows when they are looked at: a million of them take no memory.

Every draw (exemplar set, sampling seed) comes from the run's seed and the row's id, so that the same rows give the same
requests whatever the batch, the restart, or the rows beside them.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Generic, Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from selfcodealign.generation.engine import EndCheck, Request
from selfcodealign.records import Related, row_id

# Prompts that are held, for the samples that share one: as many as exemplar sets may be worked through side by side.
PROMPTS_HELD = 256


class Parent(Protocol):
    """A row that requests are made from."""

    @property
    def id(self) -> str:
        """Names the row."""
        ...


ParentT = TypeVar("ParentT", bound=Parent)


class LazyRequests(Sequence[Request]):
    """A sequence of requests, each made anew whenever it is looked at; its slices are as lazy."""

    def __init__(
        self,
        make: Callable[[int], Request],
        indices: range,
        groups: Callable[[range], NDArray[np.intp]] | None = None,
    ) -> None:
        """Nothing is made yet.

        Args:
            make: the request of an index; the same one each time.
            indices: the indices of the requests, in their order.
            groups: numbers of the groups of the requests with these indices, for less than making them; None: all are
                of one group.
        """
        self._make = make
        self._indices = indices
        self._groups = groups

    def groups(self) -> NDArray[np.intp]:
        """The number of each request's group, in their order, shape (requests,)."""
        if self._groups is None:
            return np.zeros(len(self), dtype=np.intp)
        return self._groups(self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[Request]:
        return map(self._make, self._indices)

    @overload
    def __getitem__(self, index: int) -> Request: ...

    @overload
    def __getitem__(self, index: slice) -> "LazyRequests": ...

    def __getitem__(self, index: int | slice) -> "Request | LazyRequests":
        if isinstance(index, slice):
            return LazyRequests(self._make, self._indices[index], self._groups)
        return self._make(self._indices[index])


class RequestPlan(Generic[ParentT]):
    """What a step asks: the same number of samples for each of its rows, in the rows' order."""

    def __init__(
        self,
        step: str,
        parents: Sequence[ParentT],
        seed: int,
        num_sets: int,
        prompt: Callable[[ParentT, int], str],
        ends: EndCheck,
        num_samples: int = 1,
    ) -> None:
        """Nothing is made yet.

        Args:
            step: names the step in ids, seeds and groups.
            parents: the rows; their ids are unique.
            seed: the run's seed.
            num_sets: exemplar sets to draw from.
            prompt: the prompt of a row with the exemplar set of an index.
            ends: finds an early end of an answer.
            num_samples: requests a row; they share its prompt.
        """
        self._step = step
        self._parents = parents
        self._num_sets = num_sets
        self._sets = Related(seed, step, "exemplars")
        self._ends = ends
        self._num_samples = num_samples

        def shared(number: int) -> tuple[str, str, Related]:
            chosen = self.exemplar_set(parents[number])
            group = f"{step}-{chosen:04d}"
            return prompt(parents[number], chosen), group, Related(seed, step, parents[number].id)

        self._shared = lru_cache(PROMPTS_HELD)(shared)

    def requests(self) -> LazyRequests:
        """All requests, sample by sample and row by row."""
        return LazyRequests(self._request, range(len(self._parents) * self._num_samples), self._groups)

    def samples_of(self, number: int) -> LazyRequests:
        """The requests of the row with an index."""
        return self.requests()[number * self._num_samples : (number + 1) * self._num_samples]

    def samples(self) -> Iterator[tuple[ParentT, int]]:
        """Row and sample's index of each request, in the order of `requests`."""
        return ((parent, sample) for parent in self._parents for sample in range(self._num_samples))

    def request_id(self, parent: Parent, sample: int) -> str:
        """The id of a request."""
        return row_id(self._step, parent.id, sample)

    def exemplar_set(self, parent: Parent) -> int:
        """The index of the exemplar set that a row's requests use."""
        return self._sets.derived_seed(parent.id) % self._num_sets

    def by_exemplar_set(self) -> list[int]:
        """The indices of the rows, those that share their exemplar set side by side."""
        return sorted(range(len(self._parents)), key=lambda number: self.exemplar_set(self._parents[number]))

    def _groups(self, indices: range) -> NDArray[np.intp]:
        numbers = np.arange(indices.start, indices.stop, indices.step, dtype=np.intp) // max(self._num_samples, 1)
        rows, places = np.unique(numbers, return_inverse=True)
        sets = [self.exemplar_set(self._parents[number]) for number in rows]
        return np.array(sets, dtype=np.intp)[places]

    def _request(self, index: int) -> Request:
        number, sample = divmod(index, self._num_samples)
        prompt, group, names = self._shared(number)
        return Request(names.row_id(sample), prompt, names.derived_seed(sample), group, self._ends)
