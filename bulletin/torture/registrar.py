"""A client that brings users and channels into being, lists them, and looks whether they are there, in a race with its like."""

from sys import intern
from typing import Final

import attrs

from bulletin.core.board.outcome import StreamKind
from bulletin.linearizability.names import Listing, Registration, Sight
from bulletin.torture.calls import Caller, Reply
from bulletin.torture.client import Client
from bulletin.torture.record import Record

NAMES_MAX: Final = 500
"""Names of a kind that registrars bring into being; then they register the same ones again."""

NEAR: Final = 8
"""How far from the next name the others are that are asked for, at most, behind and ahead."""

WHOLE_SHARE: Final = 0.1
"""Of the listings, the share of those that begin at the beginning."""


@attrs.frozen
class Words:
    """How requests about the names of a kind are worded.

    :param kind: of the names.
    :param register: the operation.
    :param field: with the name, there.
    :param listing: the operation that lists them.
    :param missing: the refusal of a history of one that is not there.
    :param prefix: of the names that registrars bring into being.
    """

    kind: StreamKind
    register: str
    field: str
    listing: str
    missing: str
    prefix: str


USERS: Final = Words(StreamKind.INBOX, "login", "user", "listar usuarios", "usuario_inexistente", "u")
CHANNELS: Final = Words(
    StreamKind.CHANNEL, "cadastrar canal", "canal", "listar canais", "canal_inexistente", "c"
)


class Registrar(Client):
    """One registrar; all of them go through the same names, so that they meet.

    :param patience: seconds that it waits for an answer.
    """

    def __init__(self, record: Record, caller: Caller, name: str, *, patience: float) -> None:
        super().__init__(record, caller, name)
        self._patience = patience
        self._next = {USERS: 0, CHANNELS: 0}

    def once(self) -> None:
        """One call."""
        words = self.rng.choice((USERS, CHANNELS))
        self.rng.choice((self.register, self.list, self.look))(words)
        self.record.stop.wait(self.rng.expovariate(4.0))

    def register(self, words: Words) -> None:
        """The next name."""
        name = f"{words.prefix}{self._next[words] % NAMES_MAX}"
        self._next[words] += 1
        done = self.call(f"register {name}", words.register, {words.field: name}, self._patience)
        calls = self.record.names[words.kind].registrations
        if done.answer is not None:
            calls.append(registration(name, done.invoked, done.returned, done.answer))
        elif not self.failed(done).definite:
            calls.append(Registration(name, done.invoked))

    def list(self, words: Words) -> None:
        """From the beginning, or from a name on that is there, or will be soon."""
        after = None if self.rng.random() < WHOLE_SHARE else self._near(words)
        fields = {} if after is None else {"desde": after}
        done = self.call(f"list after {after}", words.listing, fields, self._patience)
        if done.answer is None:
            self.failed(done)
        else:
            names = tuple(map(intern, done.answer["lista"]))
            listing = Listing(names, done.invoked, done.returned, after, done.answer["mais"])
            self.record.names[words.kind].listings.append(listing)

    def look(self, words: Words) -> None:
        """Whether a name is there."""
        name = self._near(words)
        done = self.call(
            f"look for {name}", "listar historico", {words.field: name, "limite": 1}, self._patience
        )
        there = done.answer is not None
        if there or (done.reply is not None and done.reply["erro"] == words.missing):
            sight = Sight(name, done.invoked, done.returned, there)
            self.record.names[words.kind].sights.append(sight)
        else:
            self.failed(done)

    def _near(self, words: Words) -> str:
        at = self._next[words] + self.rng.randint(-NEAR, NEAR)
        return f"{words.prefix}{max(0, at) % NAMES_MAX}"


def registration(name: str, invoked: float, returned: float, answer: Reply) -> Registration:
    """What an answer of success says of a name."""
    return Registration(name, invoked, returned, answer["existente"])
