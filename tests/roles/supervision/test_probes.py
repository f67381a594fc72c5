from prometheus_client import generate_latest
from twisted.internet import reactor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bulletin.core.clocks.corrected import State
from bulletin.core.raft.ready import Role, Status
from bulletin.core.server.answers import Counts
from bulletin.core.server.executor import DiskCounters, Malformed
from bulletin.core.server.status import ClockStatus, Dropped, ServerStatus
from bulletin.core.server.timekeeping import Counters
from bulletin.roles.server.metrics import samples_of
from bulletin.roles.supervision import probes
from bulletin.roles.supervision.policy import Health as Seen
from bulletin.roles.supervision.probes import PAGE_BYTES_MAX, Probe, leads
from bulletin.web.health import Health
from bulletin.web.metrics import gauge, make_registry
from bulletin.web.site import make_site


class Says(Protocol):
    """Says something and closes, or says nothing."""

    def __init__(self, said):
        self.said = said

    def connectionMade(self):
        if self.said is not None:
            self.transport.write(self.said)
            self.transport.loseConnection()


class LeadsTests(SynchronousTestCase):
    def test_a_server_whose_node_leads_does(self):
        for role in Role:
            node = Status(role, 7, None, 1, 1, 1, 1, greeted=True, quarantined=False, proven=True)
            clock = ClockStatus(State.NEVER, 0.0, None, 0.0, 0.0, 0, 0.0, Counters())
            server = ServerStatus("s", False, 1, clock, 0, True, Counts(), Dropped(), node=node)
            samples = list(samples_of(server, Malformed(), DiskCounters(), None))
            page = generate_latest(make_registry(lambda samples=samples: samples))
            self.assertEqual(leads(page), role is Role.LEADER)

    def test_a_page_without_the_metric(self):
        self.assertFalse(leads(b""))
        self.assertFalse(leads(b'other{role="leader"} 1.0\nbulletin_log_role{role="follower"} 1.0\n'))


class ProbeTests(TestCase):
    def setUp(self):
        # A busy machine is no silent child.
        self.patch(probes, "PATIENCE", 30)

    def serve(self, *, ready, leading):
        site = make_site(
            lambda: Health(ready=ready),
            make_registry(lambda: [gauge("log_role", "x", leading, role="leader")]),
            reactor,
        )
        page = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(page.stopListening)
        return page.getHost().port

    async def ask(self, port, *, is_server):
        return await Probe(reactor).ask(port, is_server=is_server)

    async def test_a_leader(self):
        self.assertEqual(
            await self.ask(self.serve(ready=True, leading=1), is_server=True), Seen(ready=True, leads=True)
        )

    async def test_a_server_that_is_not_ready(self):
        self.assertEqual(
            await self.ask(self.serve(ready=False, leading=0), is_server=True), Seen(ready=False, leads=False)
        )

    async def test_another_role(self):
        self.assertEqual(await self.ask(self.serve(ready=True, leading=1), is_server=False), Seen(ready=True))

    async def test_what_is_no_page_fails(self):
        for said in (b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n", b"x" * (PAGE_BYTES_MAX + 1)):
            page = reactor.listenTCP(
                0, Factory.forProtocol(lambda said=said: Says(said)), interface="127.0.0.1"
            )
            self.addCleanup(page.stopListening)
            try:
                await self.ask(page.getHost().port, is_server=False)
            except (ConnectionDone, ConnectionLost, ConnectionAborted):
                continue
            self.fail(f"{said[:20]!r} was taken for a page")

    async def test_who_accepts_and_says_nothing_fails_in_time(self):
        silent = Factory.forProtocol(lambda: Says(None))
        page = reactor.listenTCP(0, silent, interface="127.0.0.1")
        self.addCleanup(page.stopListening)
        self.patch(probes, "PATIENCE", 0.05)
        try:
            await self.ask(page.getHost().port, is_server=False)
        except TimeoutError as error:
            self.assertEqual(str(error), "nothing came within 0.05 s")
            return
        self.fail("it waited")

    async def test_nobody_there_fails(self):
        page = reactor.listenTCP(
            0, make_site(lambda: Health(True), make_registry(list), reactor), interface="127.0.0.1"
        )
        port = page.getHost().port
        await page.stopListening()
        try:
            await self.ask(port, is_server=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller takes it for "not ready"
            self.assertIn("refused", str(error))
        else:
            self.fail("nobody listened")
