"""What the tests of real sockets share: a transport that leaves nothing behind, plain pyzmq peers, conditions to wait for."""

import zmq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from bulletin.transport.connection import Transport

PATIENCE = 10
"""Seconds after which a condition that does not come true fails the test."""


class StillReactor(Clock):
    """A reactor that watches no descriptor: whatever is read was looked at on a socket's own account."""

    def addReader(self, reader):
        pass

    def removeReader(self, reader):
        pass

    def turn(self):
        """Run what is due at the turn's begin, and not what that brings about; whether there was anything."""
        due = [call for call in self.calls if call.getTime() <= self.seconds()]
        for call in due:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)
        return bool(due)

    def settle(self, turns=1000):
        """Run turns until none is due."""
        for _ in range(turns):
            if not self.turn():
                return
        raise AssertionError("it never came to rest")


class Loopback(TestCase):
    """A test with real sockets on the loopback interface.  It waits for conditions, never for time."""

    timeout = 2 * PATIENCE

    def setUp(self):
        self.transport = Transport()
        self.transport.lingerPeriod = 0
        self.addCleanup(self.transport.shutdown)
        self.context = zmq.Context()
        self.peers = []
        self.addCleanup(self.context.destroy, 0)

    def peer(self, kind, endpoint, **options):
        """A plain socket of another context, connected; read it with `heard` only, never blocking."""
        peer = self.context.socket(kind)
        peer.linger = 0
        for name, value in options.items():
            peer.set(getattr(zmq, name), value)
        peer.connect(endpoint)
        self.peers.append(peer)  # one that nobody holds would close, and take with it what it has not sent
        return peer

    def until(self, condition):
        """Fires with the condition's first true value, looked at in every turn of the reactor."""
        done = Deferred()
        timeout = reactor.callLater(PATIENCE, done.errback, AssertionError("the condition never came true"))

        def look():
            if done.called:
                return
            value = condition()
            if value:
                timeout.cancel()
                done.callback(value)
            else:
                reactor.callLater(0.001, look)

        look()
        return done

    def heard(self, peer, count=1):
        """Fires with the next messages of a plain peer."""
        messages = []

        def look():
            try:
                while len(messages) < count:
                    messages.append(peer.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return None
            return messages

        return self.until(look)
