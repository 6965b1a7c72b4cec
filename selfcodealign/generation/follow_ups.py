"""Requests that answers call for, asked as soon as these end: no answer waits for the last one of all."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from selfcodealign.generation.engine import Answer, Rejection, Request

FollowUp = Callable[[Request, Answer], Request | None]


class FollowedUp:
    """Requests, each with the one that its answer calls for: a source for `generate_answers`.

    A continuation comes before the requests that wait: its prompt is still in the prefix cache. Its own answer calls
    for nothing more.

    Attributes:
        num_called_for: requests that answers have called for.
    """

    def __init__(self, requests: Iterable[Request], follow_up: FollowUp | None) -> None:
        """Take the requests.

        Args:
            requests: in the order in which they are to start; each is taken when it is due.
            follow_up: gives the request that an answer calls for, or None; None: no answer calls for any.
        """
        self._waiting = iter(requests)
        self._follow_up = follow_up
        self._due: deque[Request] = deque()
        self._continuations: set[str] = set()
        self._num_out = 0
        self.num_called_for = 0

    def __iter__(self) -> Iterator[Request | None]:
        """Requests as they become due; None while only answers that are in flight can call for more."""
        while True:
            request = self._due.popleft() if self._due else next(self._waiting, None)
            if request is not None:
                self._num_out += 1
            elif not self._num_out:
                return
            yield request

    def tell(self, request: Request, outcome: Answer | Rejection) -> None:
        """Take note of what a request has come to."""
        self._num_out -= 1
        if request.id in self._continuations:
            self._continuations.remove(request.id)
        elif self._follow_up is not None and isinstance(outcome, Answer):
            following = self._follow_up(request, outcome)
            if following is not None:
                self._continuations.add(following.id)
                self._due.appendleft(following)
                self.num_called_for += 1
