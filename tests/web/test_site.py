"""The three pages, as an operator's tools and a hostile stranger see them."""

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from bulletin.web.health import Health
from bulletin.web.metrics import counter, gauge, make_registry
from bulletin.web.site import BODY_BYTES_MAX, CONNECTIONS_MAX, IDLE_SECONDS, make_site


class Site(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.health = Health(True)
        self.samples = []
        self.site = make_site(lambda: self.health, make_registry(lambda: self.samples), self.clock)
        self.site.doStart()
        self.addCleanup(self.site.doStop)

    def connect(self):
        protocol = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        if protocol is None:
            return None, None
        transport = StringTransport()
        transport.abortConnection = transport.loseConnection
        protocol.makeConnection(transport)
        return protocol, transport

    def ask(self, path, method="GET", more=""):
        protocol, transport = self.connect()
        protocol.dataReceived(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
        head, _, body = transport.value().partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body.decode()

    def test_alive(self):
        status, _, body = self.ask("/healthz")
        self.assertEqual((status, body), (200, "Alive.\n"))

    def test_ready(self):
        self.assertEqual(self.ask("/readyz")[::2], (200, "Ready.\n"))

    def test_not_ready_says_why(self):
        self.health = Health(False, "No leader is known.")
        self.assertEqual(self.ask("/readyz")[::2], (503, "No leader is known.\n"))

    def test_alive_although_not_ready(self):
        self.health = Health(False, "No leader is known.")
        self.assertEqual(self.ask("/healthz")[0], 200)

    def test_metrics_are_those_of_the_moment(self):
        self.assertNotIn("bulletin_posts", self.ask("/metrics")[2])
        self.samples = [
            counter("posts_total", "Posts.", 3),
            gauge("waiting", "Who waits.", 2, queue="clients"),
        ]
        status, head, body = self.ask("/metrics")
        self.assertEqual(status, 200)
        self.assertIn("text/plain; version=", head)
        self.assertIn("# TYPE bulletin_posts_total counter\nbulletin_posts_total 3.0\n", body)
        self.assertIn('bulletin_waiting{queue="clients"} 2.0\n', body)
        self.assertIn("process_resident_memory_bytes", body)

    def test_metrics_that_take_long_are_those_of_a_moment_ago(self):
        """Else who asks all the time would have the role do nothing else."""
        written = []

        def samples():
            written.append(self.clock.seconds())
            self.clock.advance(0.02)
            return ()

        self.site = make_site(lambda: self.health, make_registry(samples), self.clock)
        first = self.ask("/metrics")[2]
        for _ in range(20):
            self.assertEqual(self.ask("/metrics")[2], first)
        self.clock.advance(0.17)
        self.ask("/metrics")
        self.assertEqual(len(written), 1)
        self.clock.advance(0.02)
        self.ask("/metrics")
        self.assertEqual(len(written), 2)
        self.clock.rightNow -= 3600.0  # somebody set it
        self.ask("/metrics")
        self.assertEqual(len(written), 3)

    def test_one_connection_is_one_request(self):
        """A thousand of them in one packet would all be answered before anything else is done."""
        protocol, transport = self.connect()
        protocol.dataReceived(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
        self.assertEqual(transport.value().count(b"HTTP/1.1 200"), 1)
        self.assertIn(b"\r\nConnection: close\r\n", transport.value())
        self.assertTrue(transport.disconnecting)

    def test_a_query_is_ignored(self):
        self.assertEqual(self.ask("/healthz?x=1")[0], 200)

    def test_everything_else_is_missing(self):
        for path in ("/", "/healthz/", "/Healthz", "/metrics/x", "/%2e%2e/etc/passwd"):
            with self.subTest(path=path):
                status, _, body = self.ask(path)
                self.assertEqual(status, 404)
                self.assertNotIn("passwd", body)

    def test_only_get_and_head(self):
        status, head, _ = self.ask("/healthz", "POST", "Content-Length: 0\r\n")
        self.assertEqual(status, 405)
        self.assertIn("GET, HEAD", head)
        status, _, body = self.ask("/metrics", "HEAD")
        self.assertEqual((status, body), (200, ""))

    def test_an_error_in_a_metric_is_status_500_and_no_more(self):
        self.samples = (gauge("x", "X.", 1 / n) for n in (1, 0))
        self.assertEqual(self.ask("/metrics")[0], 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.ask("/healthz")[0], 200)

    def test_a_large_body_costs_the_connection(self):
        for announced in ("Content-Length: 100000000000\r\n", "Transfer-Encoding: chunked\r\n"):
            with self.subTest(announced=announced):
                protocol, transport = self.connect()
                protocol.dataReceived(f"POST /healthz HTTP/1.1\r\nHost: x\r\n{announced}\r\n".encode())
                body = b"x" * (BODY_BYTES_MAX // 2)
                for _ in range(3):
                    self.assertFalse(transport.disconnecting)
                    chunk = body if "Length" in announced else b"%x\r\n%s\r\n" % (len(body), body)
                    protocol.dataReceived(chunk)
                self.assertTrue(transport.disconnecting)

    def test_an_endless_header_costs_the_connection(self):
        protocol, transport = self.connect()
        protocol.dataReceived(b"GET / HTTP/1.1\r\n")
        for _ in range(40):
            if not transport.disconnecting:
                protocol.dataReceived(b"X: " + b"y" * 1000 + b"\r\n")
        self.assertTrue(transport.disconnecting)

    def test_a_slow_request_costs_the_connection(self):
        protocol, transport = self.connect()
        protocol.dataReceived(b"GET / HT")
        self.clock.advance(IDLE_SECONDS)
        self.assertTrue(transport.disconnecting)

    def test_connections_are_bounded(self):
        """Whoever holds all of them, a byte now and then, keeps nobody out: the oldest one gives way."""
        opened = [self.connect() for _ in range(CONNECTIONS_MAX)]
        for protocol, _ in opened:
            self.clock.advance(IDLE_SECONDS / CONNECTIONS_MAX / 2)
            protocol.dataReceived(b"GET / HTTP/1.1\r\nX: y\r\n")
        self.assertEqual(self.ask("/healthz")[0], 200)
        self.assertEqual([transport.disconnecting for _, transport in opened[:2]], [True, False])
        self.assertEqual(self.ask("/healthz")[0], 200)
        self.assertEqual([transport.disconnecting for _, transport in opened[:3]], [True, True, False])

    def test_connections_that_do_not_end_are_bounded(self):
        opened = [self.connect() for _ in range(3 * CONNECTIONS_MAX)]
        open_ones = [transport for protocol, transport in opened if protocol is not None]
        self.assertEqual(len(open_ones), 2 * CONNECTIONS_MAX)
        self.assertEqual(sum(not transport.disconnecting for transport in open_ones), CONNECTIONS_MAX)
        for protocol, _ in opened[:2]:
            protocol.connectionLost(None)
        self.assertIsNotNone(self.connect()[0])
