"""The requests that no server has: clients have their turns, whatever one of them has sent."""

from collections import OrderedDict
from collections.abc import Iterator

from bulletin.core.broker.pending import Pending


class Waiting:
    """A queue of requests in which each client's oldest comes before anybody's second.

    What was handed out before, and came back, goes before all of them.  A client is a connection: whoever fills the
    broker with requests waits behind its own, and the one request of somebody else is next but as many as there are clients.
    """

    def __init__(self) -> None:
        self._returned: OrderedDict[bytes, Pending] = OrderedDict()
        self._turns: OrderedDict[bytes, OrderedDict[bytes, Pending]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Pending]:
        yield from self._returned.values()
        for queue in self._turns.values():
            yield from queue.values()

    def add(self, request: Pending) -> None:
        """A new request: the last of its client."""
        client = request.envelope[0]
        queue = self._turns.get(client)
        if queue is None:
            queue = self._turns[client] = OrderedDict()
        queue[request.id] = request
        self._count += 1

    def put_back(self, request: Pending) -> None:
        """A request that came back: it goes before all others, also before those that came back earlier."""
        self._returned[request.id] = request
        self._returned.move_to_end(request.id, last=False)
        self._count += 1

    def take(self) -> Pending:
        """The next one.

        :raises KeyError: there is none.
        """
        if self._returned:
            _, request = self._returned.popitem(last=False)
        else:
            client, queue = next(iter(self._turns.items()), (b"", None))
            if queue is None:
                raise KeyError("nothing waits")
            _, request = queue.popitem(last=False)
            if queue:
                self._turns.move_to_end(client)
            else:
                del self._turns[client]
        self._count -= 1
        return request

    def discard(self, request: Pending) -> bool:
        """Let go of a request; whether it was here."""
        if self._returned.pop(request.id, None) is None:
            client = request.envelope[0]
            queue = self._turns.get(client)
            if queue is None or queue.pop(request.id, None) is None:
                return False
            if not queue:
                del self._turns[client]
        self._count -= 1
        return True
