"""What all roles share: a start that leaves nothing half open, timers that go on, a stop that ends in time."""

import io
import socket
import sys
from unittest import mock

from prometheus_client.exposition import generate_latest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.clocks.instant import Instant
from bulletin.roles.options import HostPort
from bulletin.roles.role import CLOSE_SECONDS, DRAIN_SECONDS, Role, StartError
from bulletin.web.metrics import gauge, make_registry
from tests.memory_transport import Network

HERE = "tcp://127.0.0.1:0"


class Example(Role):
    """A role with one socket and one timer."""

    label = "example"

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.events = []
        self.drained = self.closed = None

    def open(self):
        self.router = self.watch(
            "clients",
            self.sockets.Router(
                self.transport, listen=[HERE], received=lambda *_: self.events.append("heard")
            ),
        )
        self.every(1, lambda: self.events.append("tick"))

    def drain(self):
        self.events.append("drain")
        return self.drained

    def close(self):
        self.events.append("close")
        return self.closed

    def samples(self):
        yield gauge("example", "An example.", 1)


class RoleTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = MemoryReactorClock()
        self.network = Network(self.reactor)

    def make(self, kind=Example, **arguments):
        clock = self.reactor
        return kind(
            sockets=self.network.sockets,
            reactor=clock,
            instant=lambda: Instant(clock.seconds(), clock.seconds()),
            **arguments,
        )

    def started(self, kind=Example, **arguments):
        role = self.make(kind, **arguments)
        role.startService()
        return role

    def test_nothing_is_opened_before_the_start(self):
        """What was made before twistd forks would be deaf afterwards."""
        role = self.make(http=HostPort("127.0.0.1", 8080))
        self.assertEqual((self.network.listening, self.reactor.tcpServers), ({}, []))
        self.assertFalse(hasattr(role, "transport"))

    def test_timers_run_until_the_stop(self):
        role = self.started()
        self.reactor.pump([0.5] * 4)
        self.assertEqual(role.events, ["tick"] * 3)
        self.successResultOf(role.stopService())
        self.reactor.advance(10)
        self.assertEqual(role.events, ["tick"] * 3 + ["drain", "close"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.network.listening, {})

    def test_a_timer_that_fails_goes_on_and_does_not_flood_the_log(self):
        role = self.started()
        failures = []

        def fail():
            failures.append(1)
            raise ValueError

        role.every(0.001, fail)
        self.reactor.pump([0.001] * 100)
        self.assertGreater(len(failures), 90)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), role.quiet.burst)

    def test_a_stop_waits_for_the_drain_but_not_for_ever(self):
        role = self.started()
        role.drained = Deferred()
        stopped = role.stopService()
        self.reactor.advance(1)
        self.assertNoResult(stopped)
        self.assertIn(role.router.endpoint, self.network.listening)
        self.assertIn("tick", role.events[role.events.index("drain") :])
        role.drained.callback(None)
        self.successResultOf(stopped)
        role = self.started()
        role.drained, role.closed = Deferred(), Deferred()
        stopped = role.stopService()
        self.reactor.pump([DRAIN_SECONDS, CLOSE_SECONDS])
        self.successResultOf(stopped)
        self.assertEqual(self.network.listening, {})
        self.assertLess(DRAIN_SECONDS + CLOSE_SECONDS, 5)

    def test_an_error_while_stopping_does_not_keep_it_open(self):
        role = self.started()
        role.drain = role.close = lambda: 1 / 0
        self.successResultOf(role.stopService())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(self.network.listening, {})

    def test_stopping_twice_or_before_the_start(self):
        role = self.make()
        self.successResultOf(role.stopService())
        role.startService()
        self.successResultOf(role.stopService())
        self.successResultOf(role.stopService())
        self.assertEqual(role.events.count("drain"), 1)

    def test_starting_again(self):
        role = self.started()
        self.successResultOf(role.stopService())
        role.startService()
        self.assertEqual(len(self.network.listening), 1)
        self.assertEqual(len(list(role.endpoints())), 1)

    def test_a_taken_endpoint_is_one_sentence_and_nothing_stays_open(self):
        class Greedy(Example):
            def open(self):
                super().open()
                self.sockets.Router(self.transport, listen=[self.router.endpoint], received=None)

        with mock.patch.object(sys, "__stderr__", io.StringIO()) as errors:
            error = self.assertRaises(StartError, self.started, Greedy)
        self.assertEqual(errors.getvalue(), f"{error}\n")
        self.assertIn("example: cannot listen on tcp://127.0.0.1:", str(error))
        self.assertEqual((self.network.listening, self.reactor.getDelayedCalls()), ({}, []))

    def test_another_error_at_the_start_leaves_nothing_open_either(self):
        class Broken(Example):
            def open(self):
                super().open()
                raise LookupError

        self.assertRaises(LookupError, self.started, Broken)
        self.assertEqual((self.network.listening, self.reactor.getDelayedCalls()), ({}, []))

    def test_the_web_page(self):
        role = self.started(http=HostPort("*", 8080))
        ((port, _factory, _backlog, interface),) = self.reactor.tcpServers
        self.assertEqual((port, interface), (8080, ""))
        self.assertEqual([name for name, _ in role.endpoints()], ["clients", "http"])
        self.assertTrue(role.health().ready)
        role.stopService()
        self.assertFalse(role.health().ready)

    def test_the_metrics_have_the_sockets_counters(self):
        role = self.started()
        role.router.counters.malformed = 3
        text = generate_latest(make_registry(role._samples)).decode()
        self.assertIn('bulletin_socket_malformed_total{socket="clients"} 3.0', text)
        self.assertIn('bulletin_socket_backlog{socket="clients"} 0.0', text)
        self.assertIn("bulletin_ready 1.0", text)
        self.assertIn("bulletin_example 1.0", text)


class OnSockets(SynchronousTestCase):
    def test_a_taken_page_is_one_sentence(self):
        with socket.create_server(("127.0.0.1", 0)) as holder:
            page = HostPort("127.0.0.1", holder.getsockname()[1])
            network = Network()
            role = Example(http=page, sockets=network.sockets)
            with mock.patch.object(sys, "__stderr__", io.StringIO()) as errors:
                self.assertRaises(StartError, role.startService)
        self.assertEqual(errors.getvalue().count("\n"), 1)
        self.assertEqual(network.listening, {})

    def test_real_sockets_are_what_a_role_gets(self):
        role = Example(reactor=None, sockets=None)
        role.startService()
        self.assertTrue(role.router.endpoint.startswith("tcp://127.0.0.1:"))
        stopped = role.stopService()
        self.successResultOf(stopped)
        self.assertIsNone(role.router.socket)
