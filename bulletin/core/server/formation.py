"""How a server becomes a member: a new cluster of exactly N, or the one that there is; never two.

Only the reference founds, once, and durably (its part is :mod:`bulletin.core.reference`).  A server only asks, and obeys one
rule: *an empty server does nothing until it holds a document that names its member id.*  Then the document is stored
as entry 1 of its log, and from there on the log is the authority, not the reference: a server with data never takes
another document, starts without the reference, and tells a reference that lost its disk what it knows.

::

            rank (member, expect)          document that names me           stored
    EMPTY ────────────────────────► ASKING ───────────────────────► FOUNDING ──────► MEMBER
                                    │    ▲
                                    └────┘ a document without me: wait, and say so
"""

from collections.abc import Iterable
from typing import Final

from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import ENGLISH, Refusal
from bulletin.core.log.founding import FoundingDocument
from bulletin.core.server.notices import Notices
from bulletin.core.wire.envelope import Dialect
from bulletin.core.wire.reference import (
    INTERVAL,
    SILENCE,
    Addressed,
    HeartbeatReply,
    HeartbeatRequest,
    ListedServer,
    RankReply,
    RankRequest,
    ReferenceRequest,
)

EAGER_INTERVAL: Final = 0.25
"""Seconds between two requests to the reference while this server is empty: its cluster is founded, and elects, the sooner."""

EXPLAIN_AFTER: Final = 4.0
"""Seconds after which an empty server says what it waits for; normally it has a document by then."""

CLAIM_EVERY: Final = 10.0
"""Seconds between two registrations at least that are to put right where the reference looks for this server."""

OUTSTANDING_MAX: Final = 4
"""Requests to the reference that may still be answered; a reply to an older one is dropped."""


class Formation:
    """A server's side of the conversation with the reference.

    :param name: its name.
    :param endpoint: what its peers connect to.
    :param member: the random id on its disk.
    :param expect: how many servers found a new cluster.
    :param document: the founding document in its log, or None: it is empty.
    :param notices: where to say what it waits for.
    """

    def __init__(
        self,
        name: str,
        endpoint: str,
        member: bytes,
        expect: int,
        document: FoundingDocument | None,
        notices: Notices,
    ) -> None:
        self._name = name
        self._endpoint = endpoint
        self._member = member
        self._expect = expect
        self._document = document
        self._notices = notices
        self._found: FoundingDocument | None = None
        self._founding = False
        self._registered = False
        self._outside = False
        self.beats = False
        """Whether the reference knows this server by a heartbeat."""
        self._rank: int | None = None
        self._nonce = 0
        self._asked_at = float("-inf")
        self._claimed_at = float("-inf")
        self.heard_at = float("-inf")
        """When the reference last answered, in monotonic seconds."""
        self._started_at: float | None = None
        self._listed: tuple[ListedServer, ...] = ()

    @property
    def document(self) -> FoundingDocument | None:
        """The document that is in the log, or None while this server is empty."""
        return self._document

    @property
    def outside(self) -> bool:
        """Whether this server is empty, and the cluster was founded without it."""
        return self._outside

    @property
    def rank(self) -> int | None:
        """The rank that the reference gave in this start, or None while it gave none."""
        return self._rank

    def reachable_at(self, endpoint: str) -> None:
        """Name another endpoint than at the start: one that was known only when the server listened."""
        self._endpoint = endpoint

    def reference_heard(self, now: Instant) -> bool:
        """Whether the reference answered lately."""
        return now.monotonic - self.heard_at < SILENCE

    def tick(self, now: Instant) -> ReferenceRequest | None:
        """What to ask the reference now: the rank until it is known, then a heartbeat."""
        if self._started_at is None:
            self._started_at = now.monotonic
        interval = EAGER_INTERVAL if self._document is None else INTERVAL
        if now.monotonic - self._asked_at < interval:
            return None
        self._asked_at = now.monotonic
        self._nonce += 1
        if self._document is None and now.monotonic - self._started_at >= EXPLAIN_AFTER:
            self._explain(now)
        document = self._document
        if not self._registered:
            encoded = None if document is None else document.encode()
            return RankRequest(self._name, self._endpoint, self._member, encoded, self._expect)
        return HeartbeatRequest(self._name, self._member, None if document is None else document.cluster)

    def address(self, request: ReferenceRequest, clock: int, timestamp: float) -> Addressed:
        """A request of :meth:`tick` with what travels beside it."""
        return Addressed(request, Dialect.SERVICE, clock, timestamp, self._nonce)

    def receive(self, reply: Addressed, now: Instant) -> None:
        """A reply of the reference.  What answers no request of this start is dropped."""
        nonce = reply.nonce
        if nonce is None or not max(0, self._nonce - OUTSTANDING_MAX) < nonce <= self._nonce:
            return
        self.heard_at = now.monotonic
        match reply.body:
            case RankReply(rank=rank, document=document):
                if not self._registered:
                    self._asked_at = float("-inf")  # the reference counts it from its first heartbeat on
                self._registered = True
                self._rank = rank
                self._consider(document, now)
            case HeartbeatReply(known=known, document=document, members=members):
                if self.beats and not known:
                    self._asked_at = float(
                        "-inf"
                    )  # it was started again, and its first clock round waits for all
                self._registered = self._registered and known and not self._is_elsewhere(members, now)
                self._listed = members
                self.beats = known
                self._consider(document, now)
            case Refusal() as refusal:
                self._notices.repeat(
                    "refused", f"the reference refused: {refusal.sentence(ENGLISH)}", now, urgent=True
                )
            case _:
                pass

    def take_listed(self) -> tuple[ListedServer, ...]:
        """The members as the reference listed them since the last call; empty where it did not."""
        listed, self._listed = self._listed, ()
        return listed

    def take(self) -> FoundingDocument | None:
        """The document to store as entry 1, once."""
        found, self._found = self._found, None
        return found

    def founded(self, document: FoundingDocument) -> None:
        """It is stored."""
        self._document = document
        self._founding = False

    def _consider(self, encoded: bytes | None, now: Instant) -> None:
        if encoded is None or self._founding:
            return
        if self._document is not None:
            if encoded != self._document.encode():
                self._notices.repeat(
                    "other cluster",
                    "the reference knows another cluster than the one in this server's log; the log counts",
                    now,
                    urgent=True,
                )
            return
        try:
            document = FoundingDocument.decode(encoded)
        except ValueError as error:
            self._notices.repeat("bad document", f"the reference sent no founding document: {error}", now)
            return
        if any(member.member == self._member for member in document.members):
            self._founding = True
            self._found = document
            return
        self._outside = True
        names = [member.name for member in document.members]
        if self._name in names:
            self._notices.repeat(
                "other disk",
                f"the member {self._name} of the cluster has another disk than this empty directory, which is a new"
                " server and waits until it is made a member: stop it, and start it with the directory of that member",
                now,
                urgent=True,
            )
            return
        self._notices.repeat(
            "not named",
            f"the cluster was founded without this server: {', '.join(names)} are its members; {self._name} waits"
            " until it is made one",
            now,
            urgent=True,
        )

    def _is_elsewhere(self, members: Iterable[ListedServer], now: Instant) -> bool:
        """Whether somebody else has registered as this member, and its place is to be claimed again.

        That is a copy of its directory.  Once the copy has been stopped, nobody but this server will put it right.
        """
        own = next((server for server in members if server.member == self._member), None)
        if (
            own is None
            or own.endpoint in {"", self._endpoint}
            or now.monotonic - self._claimed_at < CLAIM_EVERY
        ):
            return False
        self._claimed_at = now.monotonic
        self._notices.repeat(
            "elsewhere",
            f"the reference has {self._name} at {own.endpoint}, and it is at {self._endpoint}: does another server run with"
            " a copy of its directory?",
            now,
            urgent=True,
        )
        return True

    def _explain(self, now: Instant) -> None:
        if self._outside:
            return  # there is a cluster; that this server is none of it was said
        if self.reference_heard(now):
            self._notices.repeat(
                "waits", f"{self._name} is empty and waits until {self._expect} servers have registered", now
            )
        else:
            self._notices.repeat(
                "waits", f"{self._name} is empty and waits for the reference, which does not answer", now
            )
