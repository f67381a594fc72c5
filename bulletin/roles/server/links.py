"""The sockets of a server: one to each broker, the proxies, the reference and each fellow server, and one for fellows.

Nothing here waits for anybody: a peer that is away or does not read loses what was meant for it, and each protocol
repeats what matters (Raft its messages, the broker its requests, a reader by the history).  Only replies to a broker
that is there and slow wait a little.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from bulletin.core.wire import broker as broker_wire, peers as peer_wire, reference as reference_wire
from bulletin.core.wire.broker import Replies, ToBroker
from bulletin.core.wire.peers import PeerFrame
from bulletin.core.wire.reference import Addressed
from bulletin.transport.bounds import BETWEEN_ROLES, SERVER_TO_BROKERS
from bulletin.transport.endpoints import EndpointError, parse_endpoint
from bulletin.transport.traffic import Full

if TYPE_CHECKING:
    from bulletin.core.server.addresses import Reach
    from bulletin.core.server.executor import Executor
    from bulletin.roles.role import Role
    from bulletin.roles.server.service import Wiring
    from bulletin.transport.sockets import Dealer, Publisher, Router

_log = Logger()

REPLIES_WAITING: Final = 256
"""Messages to a broker that wait here while its queue is full; a broker that is away gets none of them."""


class Links:
    """All sockets of one server.

    :param role: whose sockets they are.
    :param wiring: the endpoints.
    :param executor: where what comes in goes.
    """

    def __init__(self, role: "Role", wiring: "Wiring", executor: "Executor") -> None:
        self._role = role
        self._wiring = wiring
        self._executor = executor
        self._fellows: dict[bytes, Dealer] = {}
        sockets, transport, watch = role.sockets, role.transport, role.watch
        self._router: Router = watch(
            "peers",
            sockets.Router(
                transport,
                listen=wiring.listen,
                received=lambda _envelope, body: executor.from_peer(body),
                bounds=BETWEEN_ROLES,
            ),
        )
        self._brokers: list[Dealer] = [
            watch(
                f"broker{number}",
                sockets.Dealer(
                    transport,
                    connect=[endpoint],
                    received=_numbered(executor.from_broker, number),
                    bounds=SERVER_TO_BROKERS,
                    max_backlog=REPLIES_WAITING,
                ),
            )
            for number, endpoint in enumerate(wiring.brokers)
        ]
        self._reference: Dealer = watch(
            "reference",
            sockets.Dealer(
                transport, connect=[wiring.reference], received=executor.from_reference, max_backlog=0
            ),
        )
        self._publisher: Publisher = watch(
            "publications", sockets.Publisher(transport, connect=wiring.proxies)
        )

    @property
    def listening(self) -> str:
        """Where fellow servers find it (the first, if there are several), with the port that it got."""
        return self._router.endpoint

    def reach(self, fellows: "Iterable[Reach]") -> None:
        """Connect to fellow servers, elsewhere than before where they moved.

        Whom nothing can connect to is looked for where it was, if it was anywhere.  What waited for the old place is lost with it,
        or the fellow would get it late, if somebody else ever listened there.
        """
        for fellow in fellows:
            try:
                endpoint = parse_endpoint(fellow.endpoint, listen=False)
                dealer = self._role.sockets.Dealer(
                    self._role.transport,
                    connect=[endpoint],
                    received=self._executor.unexpected,
                    max_backlog=0,
                )
            except EndpointError as error:
                _log.error(
                    "The server {name} cannot be reached: its endpoint is none ({why})",
                    name=fellow.name,
                    why=str(error),
                )
                continue
            before = self._fellows.get(fellow.member)
            self._fellows[fellow.member] = self._role.watch(f"to-{fellow.name}", dealer)
            if before is not None:
                before.close()

    def to_peers(self, frames: Iterable[PeerFrame]) -> None:
        """Send frames to fellow servers; those for one that is away are lost."""
        for frame in frames:
            dealer = self._fellows.get(frame.recipient)
            if dealer is not None:
                self._send(dealer, peer_wire.encode(frame))

    def to_brokers(self, messages: Iterable[tuple[int, ToBroker]]) -> None:
        """Send messages to brokers.  Signs of life are not queued: late ones say nothing."""
        for number, message in messages:
            dealer = self._brokers[number]
            if isinstance(message, Replies) or not dealer.counters.backlog:
                self._send(dealer, broker_wire.encode(message))

    def to_reference(self, requests: Iterable[Addressed]) -> None:
        """Send requests to the reference; they are repeated."""
        for request in requests:
            self._send(self._reference, reference_wire.encode(request))

    def publish(self, publications: Iterable[tuple[bytes, bytes]]) -> None:
        """Publish at every proxy."""
        publish = self._publisher.publish
        for topic, body in publications:
            publish(topic, body)

    @staticmethod
    def _send(dealer: "Dealer", frame: bytes) -> None:
        try:
            dealer.send(frame)
        except Full:
            return  # the socket has counted it


def _numbered(function: Callable[[int, list[bytes]], None], number: int) -> Callable[[list[bytes]], None]:
    return lambda parts: function(number, parts)
