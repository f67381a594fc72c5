"""A client that writes posts and private messages, whose texts are known by their ids."""

import hashlib
from random import Random
from typing import Any, Final

from bulletin.linearizability.streams import Post
from bulletin.torture.calls import Caller, Reply
from bulletin.torture.client import Client
from bulletin.torture.record import Receipt, Record

PRIVATE_SHARE: Final = 0.15
"""Of what a writer writes, the share of private messages."""

TEXT_CHARACTERS_MAX: Final = 2000


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
        text = text_of(id_)
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
            self.record.ids.setdefault((stream, seq), id_)
            self.record.receipts.append(receipt(self.name, stream, done.answer))
        else:
            failure = self.failed(done)
            self.record.posts.append(Post(stream, id_, done.invoked, text=digest, refused=failure.definite))
        self.record.stop.wait(self.rng.expovariate(self.rate))


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


def text_of(id_: str) -> str:
    """What the post of an id says, so that whoever reads it can tell."""
    return f"{id_} " + "x" * Random(id_).randrange(TEXT_CHARACTERS_MAX)


def text_digest(text: str) -> str:
    """What stands for a text in a record."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
