"""A call that took longer than a board may take is written down, whatever it came to."""

from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture import client
from bulletin.torture.client import Client
from bulletin.torture.record import UNANSWERED, Late, Record


class SlowCaller:
    """Takes as long for each call as a test says."""

    def __init__(self, clock, resend_after, *calls):
        self.clock, self.resend_after, self.calls = clock, resend_after, list(calls)

    def call(self, operation, fields, patience):
        seconds, reply = self.calls.pop(0)
        self.clock.advance(seconds)
        return reply


class Idle(Client):
    def once(self):
        """Calls by itself never."""


class LateTests(SynchronousTestCase):
    def late(self, resend_after, *calls):
        clock, record = Clock(), Record()
        with mock.patch.object(client, "monotonic", clock.seconds):
            one = Idle(record, SlowCaller(clock, resend_after, *calls), "w0")
            for number, _ in enumerate(calls):
                one.call(f"w0-{number}", "publicar mensagem", {}, 8.0)
        return record.late

    def test_only_what_took_too_long(self):
        refusal = {"status": "erro", "erro": "sem_lider"}
        success = {"status": "sucesso"}
        late = self.late(None, (4.9, success), (5.5, success), (1.0, None), (5.25, refusal), (8.0, None))
        self.assertEqual(
            late,
            [
                Late("w0-1", 4.9, 10.4, "sucesso", repeats=False),
                Late("w0-3", 11.4, 16.65, "sem_lider", repeats=False),
                Late("w0-4", 16.65, 24.65, UNANSWERED, repeats=False),
            ],
        )
        self.assertEqual(str(late[1]), "w0-3 came to sem_lider after 5.25 s")

    def test_whether_it_sends_again(self):
        (late,) = self.late(1.5, (6.0, {"status": "sucesso"}))
        self.assertTrue(late.repeats)
        self.assertEqual(str(late), "w0-0, sent again meanwhile, came to sucesso after 6.00 s")
