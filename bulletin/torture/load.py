"""Load on a board: writers, readers of the history, and followers, each in a thread, each writing down what it saw."""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any, Final

import zmq

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.linearizability.streams import Post, Read, Stored
from bulletin.torture import registrar
from bulletin.torture.board import Board
from bulletin.torture.calls import Caller, Reply
from bulletin.torture.client import Client
from bulletin.torture.follower import Follower
from bulletin.torture.record import Receipt, Record
from bulletin.torture.registrar import Registrar, Words

CHANNELS: Final = ("geral", "noticias", "avisos")

PRIVATE_SHARE: Final = 0.15
"""Of what a writer writes, the share of private messages."""

TEXT_CHARACTERS_MAX: Final = 2000

JOIN_SECONDS: Final = 30.0
"""A client that is told to stop ends within this, or hangs."""

READ_FIELDS: Final = {StreamKind.CHANNEL: "canal", StreamKind.INBOX: "user"}


class LoadError(Exception):
    """The load could not be put on the board."""


class Writer(Client):
    """Writes to channels, and now and then to another user, one post at a time.

    :param users: who can be written to.
    :param channels: where it posts.
    :param patience: seconds that it waits for an answer.
    :param rate: posts a second, about; infinity: as fast as it is answered.
    """

    def __init__(
        self,
        record: Record,
        caller: Caller,
        name: str,
        *,
        users: tuple[str, ...],
        channels: tuple[str, ...],
        patience: float,
        rate: float,
    ) -> None:
        super().__init__(record, caller, name)
        self.users, self.channels, self.patience, self.rate = users, channels, patience, rate
        self.number = 0

    def once(self) -> None:
        """One post."""
        self.number += 1
        id_ = f"{self.name}-{self.number}"
        text = f"post {self.number} " + "x" * self.rng.randrange(TEXT_CHARACTERS_MAX)
        private = self.rng.random() < PRIVATE_SHARE and bool(self.users)
        stream = self.rng.choice(self.users if private else self.channels)
        fields: dict[str, Any] = {"user": self.name, "message": text, "id": id_}
        fields["receptor" if private else "canal"] = stream
        operation = "enviar mensagens para um usuario especifico" if private else "publicar mensagem"
        done = self.call(id_, operation, fields, self.patience)
        digest = text_digest(text)
        if done.answer is not None:
            seq = done.answer["seq"]
            self.record.acknowledged.append(done.returned)
            self.record.posts.append(Post(stream, id_, done.invoked, done.returned, seq, text=digest))
            self.record.receipts.append(receipt(self.name, stream, done.answer))
        else:
            failure = self.failed(done)
            self.record.posts.append(Post(stream, id_, done.invoked, text=digest, refused=failure.definite))
        self.record.stop.wait(self.rng.expovariate(self.rate))


class HistoryReader(Client):
    """Reads the newest posts of streams, linearizably.

    :param patience: seconds that it waits for an answer.
    """

    def __init__(
        self, record: Record, caller: Caller, name: str, streams: tuple[Stream, ...], patience: float
    ) -> None:
        super().__init__(record, caller, name)
        self.streams, self.patience = streams, patience

    def once(self) -> None:
        """One page."""
        stream = self.rng.choice(self.streams)
        fields = {READ_FIELDS[stream.kind]: stream.name, "limite": 3}
        done = self.call(f"read {stream.name}", "listar historico", fields, self.patience)
        if done.answer is None:
            self.failed(done)
        else:
            shown = tuple((post["seq"], post["id"]) for post in done.answer["messages"])
            head = max((seq for seq, _ in shown), default=0)
            self.record.reads.append(Read(stream.name, done.invoked, done.returned, head, shown=shown))
        self.record.stop.wait(self.rng.expovariate(20.0))


class Load:
    """Clients on a board, from :meth:`start` to :meth:`finish`.

    :param writers: how many; their inboxes are followed and read as the channels are.
    :param readers: of the history; every second one waits for each answer, whatever the others do.
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
            Writer(
                self.record,
                self._caller(resend_after if number % 2 == 0 else None),
                f"w{number}",
                users=users,
                channels=CHANNELS,
                patience=patience,
                rate=rate,
            )
            for number in range(writers)
        ]
        self.clients += [
            HistoryReader(
                self.record,
                self._caller(1.0 if number % 2 == 0 else None),
                f"r{number}",
                self.streams,
                patience,
            )
            for number in range(readers)
        ]
        self.clients += [
            Registrar(
                self.record,
                self._caller(resend_after if number % 2 == 0 else None),
                f"n{number}",
                patience=patience,
            )
            for number in range(registrars)
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

    def _caller(self, resend_after: float | None) -> Caller:
        return Caller(self.context, self.board.broker_endpoint, resend_after)

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


def receipt(user: str, stream: str, answer: Reply) -> Receipt:
    """What an acknowledgement of a post says."""
    proof = answer["recibo"]
    return Receipt(
        user,
        answer["id"],
        stream,
        answer["seq"],
        proof["indice"],
        proof["termo"],
        bytes.fromhex(proof["hash"]),
        answer["clock"],
    )


def text_digest(text: str) -> str:
    """What stands for a text in a record."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pages(caller: Caller, stream: Stream, patience: float = 10.0) -> Iterator[Reply]:
    """Every post of a stream, page by page, as the wire has them.

    :raises LoadError: a page could not be had.
    """
    since, more = 0, True
    while more:
        fields = {READ_FIELDS[stream.kind]: stream.name, "desde": since, "limite": 500}
        reply = caller.call("listar historico", fields, patience)
        if reply is None or reply["status"] != "sucesso":
            raise LoadError(f"the history of {stream.name} could not be read: {reply}")
        yield from reply["messages"]
        if reply["messages"]:
            since = reply["messages"][-1]["seq"]
        more = reply["mais"]


def whole_history(caller: Caller, streams: Iterable[Stream], patience: float = 10.0) -> list[Stored]:
    """Every post of the streams."""
    return [
        Stored(
            stream.name,
            post["seq"],
            post["id"],
            post["clock"],
            post["recebido"],
            text_digest(post["message"]),
        )
        for stream in streams
        for post in pages(caller, stream, patience)
    ]


def whole_listing(caller: Caller, words: Words, patience: float = 10.0) -> list[str]:
    """Every name of a kind, in the board's order.

    :raises LoadError: a part could not be had.
    """
    names: list[str] = []
    more = True
    while more:
        fields = {"desde": names[-1]} if names else {}
        reply = caller.call(words.listing, fields, patience)
        if reply is None or reply["status"] == "erro":
            raise LoadError(f"{words.listing} came to {reply}")
        names += reply["lista"]
        more = reply["mais"]
    return names


def channels(*names: str) -> tuple[Stream, ...]:
    """The streams of channels."""
    return tuple(Stream(StreamKind.CHANNEL, name) for name in names)
