"""``bulletin-proxy``: what the servers publish goes to every client that subscribed.  It keeps nothing, and two may run."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from bulletin.roles.options import HTTP, Option, RoleOptions, endpoints
from bulletin.roles.process import Process, in_process
from bulletin.roles.role import Role
from bulletin.web.health import Health
from bulletin.web.metrics import Sample, counter, gauge

if TYPE_CHECKING:
    from bulletin.transport.forwarding import BackXPub, FrontXSub


class Options(RoleOptions):
    """What ``twistd bulletin-proxy`` takes."""

    table = (
        Option(
            "publishers",
            endpoints(listen=True),
            "endpoints that servers publish to, separated by commas",
            "tcp://127.0.0.1:5557",
        ),
        Option(
            "subscribers",
            endpoints(listen=True),
            "endpoints that clients subscribe at, separated by commas",
            "tcp://127.0.0.1:5558",
        ),
        HTTP,
    )


class Proxy(Role):
    """Two sockets, the one's messages sent by the other.

    :param publishers: endpoints to listen on for servers.
    :param subscribers: endpoints to listen on for clients.
    :param arguments: `Role`'s.
    """

    label: ClassVar[str] = "proxy"

    def __init__(self, publishers: Sequence[str], subscribers: Sequence[str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._publishers = publishers
        self._subscribers = subscribers

    def open(self) -> None:
        """Subscribers first: whatever is published can be forwarded from the first message on."""
        self.back: BackXPub = self.watch(
            "subscribers", self.sockets.BackXPub(self.transport, listen=self._subscribers)
        )
        self.front: FrontXSub = self.watch(
            "publishers",
            self.sockets.FrontXSub(self.transport, listen=self._publishers, received=self.back.forward),
        )

    def health(self) -> Health:
        """Ready as long as it runs: it depends on nobody."""
        if self.running:
            return Health(True, "Publications are forwarded.")
        return Health(False, "The proxy is stopping.")

    def samples(self) -> Iterable[Sample]:
        """What subscribers make it hold."""
        yield gauge(
            "proxy_subscribers", "Connections that have subscribed to something.", self.back.subscribers
        )
        yield gauge("proxy_subscriptions", "Topics, counted for each connection.", self.back.topics)
        yield gauge(
            "proxy_slow_subscribers",
            "Connections that do not take what is sent to them; they miss what their queue has no room for.",
            self.back.slow_subscribers(),
        )
        yield counter("proxy_cut_total", "Connections cut for asking too much.", self.back.counters.cut)


def makeService(options: Options) -> Process:
    """The service of one proxy, from its options."""
    return in_process(Proxy(options["publishers"], options["subscribers"], http=options["http"]), options)
