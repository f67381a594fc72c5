"""Load on a board: writers, readers of the history, registrars and followers, each in a thread, each writing down what it saw."""

import threading
from time import monotonic
from typing import Final

import zmq

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.linearizability.streams import Stored
from bulletin.torture import registrar
from bulletin.torture.board import Board
from bulletin.torture.calls import Caller
from bulletin.torture.client import Client
from bulletin.torture.follower import Follower
from bulletin.torture.reader import HistoryReader
from bulletin.torture.record import Record
from bulletin.torture.registrar import Registrar, Words
from bulletin.torture.writer import Writer

CHANNELS: Final = ("geral", "noticias", "avisos")

JOIN_SECONDS: Final = 30.0
"""A client that is told to stop ends within this, or hangs."""


class LoadError(Exception):
    """The load could not be put on the board."""


class Load:
    """Clients on a board, from :meth:`start` to :meth:`finish`.

    :param writers: how many; their inboxes are followed and read as the channels are.
    :param readers: of the history; every second one sends again after a second, the others never do.
    :param registrars: of users and channels.
    :param followers: of publications, by the reader that ships; every second one comes and goes.
    :param resend_after: seconds after which every second client sends again what was not answered; None: nobody does.
    :param patience: seconds that they wait for an answer.
    :param rate: posts a second of each writer, about.
    """

    def __init__(
        self,
        board: Board,
        *,
        writers: int,
        readers: int,
        registrars: int = 0,
        followers: int = 0,
        resend_after: float | None = None,
        patience: float = 5.0,
        rate: float = 1000.0,
    ) -> None:
        self.board = board
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.record = Record()
        self.setup = Caller(self.context, board.broker_endpoint, 1.0)
        users = tuple(f"w{number}" for number in range(writers)) if followers else ()
        for channel in CHANNELS:
            self._set_up(registrar.CHANNELS, channel)
        for user in users:
            self._set_up(registrar.USERS, user)
        self.streams = tuple(
            Stream(kind, name)
            for kind, names in ((StreamKind.CHANNEL, CHANNELS), (StreamKind.INBOX, users))
            for name in names
        )
        self.clients: list[Client] = [
            *(
                Writer(
                    self.record,
                    self._caller(number, resend_after),
                    f"w{number}",
                    users=users,
                    channels=CHANNELS,
                    patience=patience,
                    rate=rate,
                )
                for number in range(writers)
            ),
            *(
                HistoryReader(self.record, self._caller(number, 1.0), f"r{number}", self.streams, patience)
                for number in range(readers)
            ),
            *(
                Registrar(self.record, self._caller(number, resend_after), f"n{number}", patience=patience)
                for number in range(registrars)
            ),
        ]
        self.followers = [
            Follower(
                self.record,
                self.context,
                (board.broker_endpoint, board.proxy_endpoint),
                f"f{number}",
                self.streams,
                restless=number % 2 == 1,
            )
            for number in range(followers)
        ]

    def _set_up(self, words: Words, name: str) -> None:
        invoked = monotonic()
        reply = self.setup.call(words.register, {words.field: name}, 20.0)
        if reply is None or reply["status"] == "erro":
            raise LoadError(f"{words.register} {name} came to {reply}")
        made = registrar.registration(name, invoked, monotonic(), reply)
        self.record.names[words.kind].registrations.append(made)

    def _caller(self, number: int, resend_after: float | None) -> Caller:
        """Every second one sends again."""
        again = resend_after if number % 2 == 0 else None
        return Caller(self.context, self.board.broker_endpoint, again)

    def start(self) -> None:
        """Begin."""
        for thread in (*self.clients, *self.followers):
            thread.start()

    def finish(self) -> None:
        """Have writers and readers of the history end; followers go on.

        :raises LoadError: one of them hangs.
        """
        self.record.stop.set()
        self._join(self.clients)

    def follow_to(self, stored: list[Stored], patience: float) -> bool:
        """Whether the followers were shown all of this within so many seconds; then they end."""
        heads: dict[str, int] = {}
        for post in stored:
            heads[post.stream] = max(heads.get(post.stream, 0), post.seq)
        end = monotonic() + patience
        while monotonic() < end and not all(follower.is_at(heads) for follower in self.followers):
            threading.Event().wait(0.05)
        complete = all(follower.is_at(heads) for follower in self.followers)
        for follower in self.followers:
            follower.stop.set()
        self._join(self.followers)
        return complete

    def _join(self, threads: "list[Client] | list[Follower]") -> None:
        for thread in threads:
            thread.join(JOIN_SECONDS)
            if thread.is_alive():
                raise LoadError(f"the client {thread.name} hangs")

    def close(self) -> None:
        """Close all sockets."""
        self.record.stop.set()
        for follower in self.followers:
            follower.stop.set()
        for thread in (*self.clients, *self.followers):
            if thread.is_alive():
                thread.join(JOIN_SECONDS)
        self.setup.close()
        self.context.destroy(0)
