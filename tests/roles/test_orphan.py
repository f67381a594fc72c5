import os
import signal
import subprocess
import sys

from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles import orphan
from bulletin.roles.orphan import VARIABLE, watch_parent

PATIENCE = 20

# The board: starts one role with a pipe, and says its own pid.
PARENT = """
import os, sys
from twisted.internet import protocol, reactor
child = protocol.ProcessProtocol()
environment = os.environ | {"BULLETIN_PARENT_FD": "0"}
reactor.spawnProcess(child, sys.executable, [sys.executable, "-c", sys.argv[1]], environment, childFDs={0: "w", 1: 1, 2: 2})
reactor.run()
"""

# A role: says that it is up.
CHILD = """
from twisted.internet import reactor
from bulletin.roles.orphan import watch_parent
watch_parent(reactor)
reactor.callWhenRunning(lambda: print("up", flush=True))
reactor.addSystemEventTrigger("before", "shutdown", lambda: print("stopped cleanly", flush=True))
reactor.run()
"""


class Reactor:
    running = True

    def __init__(self):
        self.readers = []
        self.stops = 0

    def addReader(self, reader):
        self.readers.append(reader)

    def removeReader(self, reader):
        if reader in self.readers:
            self.readers.remove(reader)

    def stop(self):
        self.stops += 1
        if self.stops > 1:
            raise ReactorNotRunning


class ParentPipeTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = Reactor()
        self.alarms = []
        self.patch(signal, "alarm", self.alarms.append)
        self.patch(signal, "signal", lambda *arguments: None)
        reading, self.writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.pipe = watch_parent(self.reactor, {VARIABLE: str(reading)})
        self.assertEqual(self.pipe.fileno(), reading)

    def test_the_end_of_the_pipe_stops_the_reactor_and_sets_a_limit(self):
        os.close(self.writing)
        self.pipe.doRead()
        self.assertEqual((self.reactor.stops, self.reactor.readers), (1, []))
        self.assertEqual(self.alarms, [orphan.PATIENCE])

    def test_whatever_is_written_stops_nothing(self):
        self.addCleanup(os.close, self.writing)
        self.pipe.doRead()
        os.write(self.writing, b"x")
        self.pipe.doRead()
        self.assertEqual((self.reactor.stops, self.reactor.readers), (0, [self.pipe]))

    def test_the_reactor_may_notice_by_itself_and_twice(self):
        os.close(self.writing)
        self.pipe.connectionLost(None)
        self.pipe.connectionLost(None)
        self.assertEqual(self.reactor.readers, [])

    def test_a_reactor_that_has_stopped_is_left_alone(self):
        os.close(self.writing)
        self.reactor.running = False
        self.pipe.connectionLost(None)
        self.assertEqual((self.reactor.stops, self.alarms), (0, []))


class WatchParentTests(SynchronousTestCase):
    def test_a_role_on_its_own_watches_nothing(self):
        for environment in ({}, {VARIABLE: ""}, {VARIABLE: "x"}, {VARIABLE: "-1"}):
            self.assertIsNone(watch_parent(Reactor(), environment))

    def test_a_board_that_is_killed_leaves_no_orphan(self):
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, CHILD],
            bufsize=0,  # communicate() would not see what readline() has read ahead
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            self.assertEqual(parent.stdout.readline(), b"up\n")
        finally:
            parent.kill()
        # The role holds the other end: this ends when the role has ended.
        rest, _ = parent.communicate(timeout=PATIENCE)
        self.assertEqual(rest, b"stopped cleanly\n")
