"""What clients asked and were told, and what readers were shown: the notes that the board is judged by at the end."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final as Constant

import attrs

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.caller import Outcome
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Code, Refusal
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import (
    ChannelCreated,
    ChannelNames,
    LoggedIn,
    Posted,
    PublishedPage,
    UserNames,
)
from bulletin.core.wire.requests import (
    CreateChannel,
    History as Page,
    ListChannels,
    ListUsers,
    Login,
    Publish,
    Query,
    ReadLevel,
    Send,
    Write,
)
from bulletin.linearizability.anomaly import Anomaly
from bulletin.linearizability.names import Listing, Registration, Sight, check_names
from bulletin.linearizability.streams import Followed, Post, Read, Stored, check_streams


@attrs.define(eq=False)
class Call:
    """One call of a client.

    :param client: its name.
    :param user: whom it spoke for; empty for a query.
    :param id: the request's.
    :param request: what was asked.
    :param invoked: true seconds.
    :param returned: true seconds; infinity while nothing came of it.
    :param outcome: what came of it.
    :param index: of a read: the last index that the answer reflects, as its server knew; None: it is not known.
    """

    client: str
    user: str
    id: str
    request: Write | Query
    invoked: float
    returned: float = math.inf
    outcome: Outcome | None = None
    index: int | None = None


@attrs.define(eq=False)
class Following:
    """What a reader was shown of a stream, from a cursor on."""

    reader: str
    stream: Stream
    since: int
    shown: list[tuple[int, str]] = attrs.Factory(list)
    at_the_end: bool = False


def user_of(request: Write | Query) -> str:
    """For whom a request speaks; empty: for nobody."""
    return request.user if isinstance(request, Write) else ""


def name_of(user: str, id_: str, text: str) -> str:
    """An operation's name in the notes: an id is its user's, and belongs to the text that was sent first with it."""
    return f"{user}/{id_}/{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def name_of_post(post: Published) -> str:
    """The same, of a post as a reader gets it."""
    return name_of(post.user, post.id, post.message or "")


@attrs.frozen
class Final:
    """What there is once all is quiet, as a client reads it.

    :param posts: by stream, complete.
    :param users: all, in order.
    :param channels: all, in order.
    """

    posts: Mapping[Stream, Sequence[Published]]
    users: Sequence[str]
    channels: Sequence[str]


class Notes:
    """The notes of a run.

    :param copies: whether the network makes copies of requests: one may take effect after another was refused for want of
        room, of a leader, or of time.
    """

    def __init__(self, *, copies: bool = False) -> None:
        self._copies = copies
        self.calls: list[Call] = []
        self.followings: list[Following] = []

    def judge(self, final: Final, *, ids_last: bool = True) -> list[Anomaly]:
        """Every promise to clients and readers that was broken, worst first.

        :param ids_last: whether ids are remembered for longer than a copy of a request is under way.  Else a copy may be run
            after another one was, and was forgotten: nothing is remembered of the sessions of a name that is no user's.
        """
        writes = self.writes()
        if not ids_last:
            writes = [call if isinstance(call.outcome, Posted) else _unknown(call) for call in writes]
        stored = [
            Stored(stream.name, post.seq, name_of_post(post), post.clock, post.received, post.message)
            for stream, posts in final.posts.items()
            for post in posts
        ]
        found = check_streams(_posts(writes), list(self._reads()), stored, self._followed())
        found += check_names(
            "users", final.users, _users(writes), self._listings(UserNames), self._sights(StreamKind.INBOX)
        )
        found += check_names(
            "channels",
            final.channels,
            _channels(writes),
            self._listings(ChannelNames),
            self._sights(StreamKind.CHANNEL),
        )
        return found

    def writes(self) -> list[Call]:
        """One call for all that named the same operation."""
        merged: dict[tuple[str, str, str], Call] = {}
        for call in self.calls:
            if not isinstance(call.request, Write):
                continue
            key = (call.user, call.id, repr(call.request))
            known = merged.get(key)
            merged[key] = attrs.evolve(call) if known is None else _merge(known, call)
        found = list(merged.values())
        if self._copies:
            found = [
                _unknown(call) if was_refused(call.outcome) and not _refused_by_state(call) else call
                for call in found
            ]
        return found

    def placed(self) -> list[Call]:
        """Reads that were answered, and where in the log is known."""
        return [call for call in self.calls if call.index is not None and call.returned < math.inf]

    def _answered(self) -> Iterable[Call]:
        """Linearizable queries that were answered."""
        for call in self.calls:
            if isinstance(call.request, Query) and call.request.level is ReadLevel.LINEARIZABLE:
                yield call

    def _reads(self) -> Iterable[Read]:
        for call in self._answered():
            if not isinstance(call.request, Page) or not isinstance(call.outcome, PublishedPage):
                continue
            query, posts = call.request.query, call.outcome.posts
            by_stream: dict[str, list[tuple[int, str]]] = {}
            for post in posts:
                by_stream.setdefault(post.stream, []).append((post.seq, name_of_post(post)))
            for stream, shown in sorted(by_stream.items()):
                newest = query.partner is None and query.before is None
                newest = newest and (query.since is None or not call.outcome.more)
                yield Read(stream, call.invoked, call.returned, shown[-1][0], newest, tuple(shown))
            if not posts and query.partner is None and query.before is None and not query.since:
                yield Read(query.stream, call.invoked, call.returned, 0)

    def _listings(self, kind: type[UserNames] | type[ChannelNames]) -> Iterable[Listing]:
        for call in self._answered():
            if isinstance(call.outcome, kind) and isinstance(call.request, ListUsers | ListChannels):
                yield Listing(
                    call.outcome.names, call.invoked, call.returned, call.request.after, call.outcome.more
                )

    def _sights(self, kind: StreamKind) -> Iterable[Sight]:
        missing = Code.NO_SUCH_CHANNEL if kind is StreamKind.CHANNEL else Code.NO_SUCH_USER
        for call in self._answered():
            request, outcome = call.request, call.outcome
            if not isinstance(request, Page) or request.query.kind is not kind:
                continue
            if isinstance(outcome, PublishedPage):
                yield Sight(request.query.stream, call.invoked, call.returned, True)
            elif isinstance(outcome, Refusal) and outcome.code is missing and outcome.field != "com":
                yield Sight(request.query.stream, call.invoked, call.returned, False)

    def _followed(self) -> Iterable[Followed]:
        for following in self.followings:
            yield Followed(
                following.reader,
                following.stream.name,
                following.since,
                tuple(following.shown),
                following.at_the_end,
            )


def took_effect(outcome: Outcome | None) -> bool:
    """Whether an outcome says that a write took effect."""
    return isinstance(outcome, Posted | LoggedIn | ChannelCreated)


def was_refused(outcome: Outcome | None) -> bool:
    """Whether an outcome says that a write did not and will not take effect."""
    return isinstance(outcome, Refusal) and outcome.definite


def _unknown(call: Call) -> Call:
    return attrs.evolve(call, outcome=None, returned=math.inf)


_STATE: Constant = {Code.NO_SUCH_CHANNEL, Code.NO_SUCH_USER, Code.NAME_IN_USE, Code.FULL, Code.ID_REUSED}


def _merge(one: Call, other: Call) -> Call:
    """Two calls of one operation: what is known of it."""
    invoked = min(one.invoked, other.invoked)
    done = [call for call in (one, other) if took_effect(call.outcome)]
    if done:
        first = min(done, key=lambda call: call.returned)
        return attrs.evolve(first, invoked=invoked)
    by_state = [call for call in (one, other) if _refused_by_state(call)]
    if was_refused(one.outcome) and was_refused(other.outcome):
        return attrs.evolve(by_state[0] if by_state else one, invoked=invoked)
    return attrs.evolve(_unknown(one), invoked=invoked)


def _refused_by_state(call: Call) -> bool:
    """Whether it is the board's state that refused a call: an answer that has its place in the log."""
    return isinstance(call.outcome, Refusal) and call.outcome.code in _STATE


def _posts(writes: Iterable[Call]) -> Iterable[Post]:
    for call in writes:
        request = call.request
        if not isinstance(request, Publish | Send):
            continue
        stream = request.channel if isinstance(request, Publish) else request.receiver
        done = isinstance(call.outcome, Posted)
        yield Post(
            stream,
            name_of(call.user, call.id, request.message),
            call.invoked,
            call.returned if done else math.inf,
            call.outcome.seq if isinstance(call.outcome, Posted) else None,
            None,
            request.message,
            refused=was_refused(call.outcome),
        )


def _users(writes: Iterable[Call]) -> Iterable[Registration]:
    """Logins, and posts: they register their sender, too."""
    for call in writes:
        if was_refused(call.outcome) or isinstance(call.request, CreateChannel):
            continue
        existing = call.outcome.existing if isinstance(call.outcome, LoggedIn) else None
        returned = call.returned if took_effect(call.outcome) else math.inf
        if isinstance(call.request, Login | Publish | Send):
            yield Registration(call.user, call.invoked, returned, existing)


def _channels(writes: Iterable[Call]) -> Iterable[Registration]:
    for call in writes:
        if isinstance(call.request, CreateChannel) and not was_refused(call.outcome):
            existing = call.outcome.existing if isinstance(call.outcome, ChannelCreated) else None
            returned = call.returned if took_effect(call.outcome) else math.inf
            yield Registration(call.request.channel, call.invoked, returned, existing)
