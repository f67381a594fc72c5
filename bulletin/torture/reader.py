"""What is read of a board: by a client all the time, and wholly at the end."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.linearizability.streams import Read, Stored
from bulletin.torture.calls import Caller, Reply
from bulletin.torture.client import Called, Client
from bulletin.torture.record import Record
from bulletin.torture.registrar import Words
from bulletin.torture.writer import text_digest, text_of

OLDER_SHARE: Final = 0.3
"""Of what a reader reads, the share of pages of any time."""

OLDER_POSTS: Final = 30
"""Posts of such a page at most."""

READ_FIELDS: Final = {StreamKind.CHANNEL: "canal", StreamKind.INBOX: "user"}


class UnreadableError(Exception):
    """The board could not be read to its end."""


class HistoryReader(Client):
    """Reads the newest posts of streams, linearizably, and now and then older ones; holds texts against what was written.

    :param patience: seconds that it waits for an answer.
    """

    def __init__(
        self, record: Record, caller: Caller, name: str, streams: tuple[Stream, ...], patience: float
    ) -> None:
        super().__init__(record, caller, name)
        self.streams, self.patience = streams, patience
        self._heads: dict[str, int] = {}
        """The last post of each stream that it has seen."""

    def once(self) -> None:
        """One page."""
        stream = self.rng.choice(self.streams)
        if self.rng.random() < OLDER_SHARE:
            self.older(stream)
        else:
            self.newest(stream)
        self.record.stop.wait(self.rng.expovariate(20.0))

    def newest(self, stream: Stream) -> None:
        """The last posts."""
        done = self._read(stream, {"limite": 3})
        if done.answer is not None:
            shown = tuple((post["seq"], post["id"]) for post in done.answer["messages"])
            head = max((seq for seq, _ in shown), default=0)
            self._heads[stream.name] = head
            self.record.reads.append(Read(stream.name, done.invoked, done.returned, head, shown=shown))

    def older(self, stream: Stream) -> None:
        """Posts of any time, read linearizably or as some server has them."""
        since = self.rng.randrange(1 + self._heads.get(stream.name, 0))
        level = self.rng.choice(("local", "linearizavel"))
        done = self._read(stream, {"limite": OLDER_POSTS, "desde": since, "leitura": level})
        if (
            done.answer is not None
            and done.answer["messages"]
            and done.answer["messages"][0]["seq"] != since + 1
        ):
            self.record.found_wrong(f"a page of {stream.name} after {since} does not begin there")

    def _read(self, stream: Stream, fields: dict[str, Any]) -> Called:
        fields = {READ_FIELDS[stream.kind]: stream.name, **fields}
        done = self.call(f"read {stream.name}", "listar historico", fields, self.patience)
        if done.answer is None:
            self.failed(done)
        else:
            for wrong in wrong_in(stream.name, done.answer["messages"], self.record.ids):
                self.record.found_wrong(wrong)
            self.record.pages += 1
        return done


def wrong_in(stream: str, messages: list[Reply], ids: dict[tuple[str, int], str]) -> Iterator[str]:
    """What in a page is not what writers wrote, or not what somebody has seen there.

    :param ids: of the post at each place, as far as somebody knows it; what this page shows is added.
    """
    seqs = [post["seq"] for post in messages]
    if seqs and seqs != list(range(seqs[0], seqs[0] + len(seqs))):
        yield f"a page of {stream} has gaps: {seqs}"
    for post in messages:
        seq, id_ = post["seq"], post["id"]
        known = ids.setdefault((stream, seq), id_)
        if known != id_:
            yield f"a page has {id_} as {stream} {seq}, which was {known}"
        if post["message"] != text_of(id_):
            yield f"a page has a text of {stream} {seq} ({id_}) that nobody wrote"


def posts_of(caller: Caller, stream: Stream, patience: float = 10.0) -> Iterator[Reply]:
    """Every post of a stream, page by page, as the wire has them.

    :raises UnreadableError: a page could not be had.
    """
    since, more = 0, True
    while more:
        fields = {READ_FIELDS[stream.kind]: stream.name, "desde": since, "limite": 500}
        reply = caller.call("listar historico", fields, patience)
        if reply is None or reply["status"] != "sucesso":
            raise UnreadableError(f"the history of {stream.name} could not be read: {reply}")
        yield from reply["messages"]
        if reply["messages"]:
            since = reply["messages"][-1]["seq"]
        more = reply["mais"]


def whole_history(caller: Caller, streams: Iterable[Stream], patience: float = 10.0) -> list[Stored]:
    """Every post of the streams.

    :raises UnreadableError: a page could not be had.
    """
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
        for post in posts_of(caller, stream, patience)
    ]


def whole_listing(caller: Caller, words: Words, patience: float = 10.0) -> list[str]:
    """Every name of a kind, in the board's order.

    :raises UnreadableError: a part could not be had.
    """
    names: list[str] = []
    more = True
    while more:
        fields = {"desde": names[-1]} if names else {}
        reply = caller.call(words.listing, fields, patience)
        if reply is None or reply["status"] == "erro":
            raise UnreadableError(f"{words.listing} came to {reply}")
        names += reply["lista"]
        more = reply["mais"]
    return names


def channels(*names: str) -> tuple[Stream, ...]:
    """The streams of channels."""
    return tuple(Stream(StreamKind.CHANNEL, name) for name in names)
