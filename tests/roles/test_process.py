"""A role's process ends with the status that whoever waits for it expects."""

import io
import sys
from types import SimpleNamespace

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles.process import Process
from bulletin.roles.role import Role, StartError
from bulletin.transport.endpoints import EndpointError

NO_SOCKETS = SimpleNamespace(Transport=lambda: SimpleNamespace(shutdown=lambda: None))


class Fine(Role):
    label = "fine"

    def open(self):
        self.opened = True


class Refused(Role):
    label = "refused"

    def open(self):
        raise EndpointError("the port is taken")


class ProcessTests(SynchronousTestCase):
    def process(self, role_class, daemon):
        self.reactor = MemoryReactorClock()
        self.patch(sys, "__stderr__", io.StringIO())
        role = role_class(sockets=NO_SOCKETS, reactor=self.reactor)
        return role, Process(role, daemon=daemon, reactor=self.reactor)

    def test_it_runs_its_role_from_start_to_stop(self):
        role, process = self.process(Fine, daemon=False)
        process.startService()
        self.assertTrue(role.opened)
        self.assertTrue(role.running)
        self.successResultOf(process.stopService())
        self.assertFalse(role.running)

    def test_what_cannot_start_in_the_foreground_exits_with_its_sentence_and_status_1(self):
        _, process = self.process(Refused, daemon=False)
        self.assertEqual(self.assertRaises(SystemExit, process.startService).code, 1)
        self.assertEqual(sys.__stderr__.getvalue(), "refused: the port is taken.\n")

    def test_what_cannot_start_in_the_background_raises(self):
        _, process = self.process(Refused, daemon=True)
        self.assertRaises(StartError, process.startService)
