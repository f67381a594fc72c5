"""A bot's turns, over a board that the test plays."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.core.bot.bot import Bot, Plan
from bulletin.core.bot.joining import Joined
from bulletin.core.bot.turns import Turns
from bulletin.core.client.caller import Finished
from bulletin.core.client.streams import Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.clocks.lamport import LamportClock
from bulletin.core.wire.replies import ChannelNames, LoggedIn
from bulletin.core.wire.requests import ListChannels, Login

NOW = Instant(10.0, 1.7e9)


class Board:
    """Takes down what it is asked."""

    def __init__(self):
        self.calls = []
        self.streams = []

    def call(self, request, then, *, id=None):  # noqa: A002 - the wire's own word
        self.calls.append((request, then, id))

    def follow(self, stream):
        self.streams.append(stream)

    def leave(self, stream):
        self.streams.remove(stream)


class TurnsTests(SynchronousTestCase):
    def setUp(self):
        self.board = Board()
        self.bot = Bot(Plan("robo", 0.0), Random(1), iter(["a:1", "a:2", "a:3"]).__next__, LamportClock())
        self.notes = []
        self.turns = Turns(self.bot, self.board, now=lambda: NOW, noted=self.notes.append)

    def answer(self, outcome):
        _request, then, _id = self.board.calls.pop(0)
        then(Finished(1, outcome))
        self.turns.turn()

    def test_joins_through_the_board(self):
        self.turns.turn()
        self.assertIsInstance(self.board.calls[0][0], Login)
        self.assertEqual(self.board.calls[0][2], "a:1")
        self.answer(LoggedIn(False))
        self.assertIsInstance(self.board.calls[0][0], ListChannels)
        self.answer(ChannelNames(("geral", "noite", "jogo", "livro", "carta", "ponte", "praia", "serra")))
        self.assertIsInstance(self.notes[0], Joined)
        self.assertIn(Stream(StreamKind.INBOX, "robo"), self.board.streams)
        self.assertTrue(self.bot.channels)

    def test_an_answer_within_a_turn_waits_for_its_end(self):
        inner = []

        def call(_request, then, **_id):
            then(Finished(1, LoggedIn(False)))
            inner.append(self.turns.turn())
            self.board.call = lambda *_, **__: None

        self.board.call = call
        self.assertTrue(self.turns.turn())
        self.assertEqual(inner, [False])
