"""The board as its users are told that it is: the sequential model that a log is replayed on.

Every operation is remembered for ever here, so a log in which an id comes back after more operations than servers
remember (:data:`~bulletin.core.limits.OPERATIONS_REMEMBERED`) is not for it.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

import attrs

from bulletin.core.board.commands import Command, Kind, OperationId
from bulletin.core.board.history import Page, PageQuery
from bulletin.core.board.outcome import Post, StreamKind
from bulletin.core.errors import Code
from bulletin.core.wire.publications import Published
from bulletin.core.wire.replies import ChannelNames, PublishedPage, Result, UserNames
from bulletin.core.wire.requests import History, ListChannels, ListUsers, Query


@attrs.frozen
class Made:
    """What a write comes to.

    :param refused: why not, or None.
    :param existing: of a login or a channel: whether it was there before.
    :param seq: of a post; else 0.
    :param clock: the board's, after it.
    """

    refused: Code | None = None
    existing: bool = False
    seq: int = 0
    clock: int = 0


@attrs.frozen
class Kept:
    """A post as the model keeps it."""

    seq: int
    id: str
    user: str
    message: str
    clock: int
    received: float


Asked: TypeAlias = tuple[Kind, str, str, str]
"""What of a command is the client's: kind, user, target, text."""


def asked(command: Command) -> Asked:
    """What makes two commands with one id the same request."""
    return command.kind, command.user, command.target, command.message


@attrs.define(eq=False)
class BoardModel:
    """One board, one operation after the other.

    :param users_max: users at most; :param channels_max: channels at most.
    """

    users_max: int
    channels_max: int
    users: list[str] = attrs.field(init=False, factory=list)
    channels: list[str] = attrs.field(init=False, factory=list)
    clock: int = attrs.field(init=False, default=0)
    _posts: dict[str, list[Kept]] = attrs.field(init=False, factory=dict)
    _kinds: dict[str, StreamKind] = attrs.field(init=False, factory=dict)
    _done: dict[OperationId, tuple[Asked, Made]] = attrs.field(init=False, factory=dict)

    def apply(self, command: Command) -> Made:
        """The next operation of the log; what its client is to be told."""
        first = self._done.get(command.operation)
        if first is not None:
            content, made = first
            return made if content == asked(command) else Made(Code.ID_REUSED, clock=self.clock)
        self.clock = max(self.clock + 1, command.stamp.clock)
        made = attrs.evolve(self._run(command), clock=self.clock)
        self._done[command.operation] = asked(command), made
        return made

    def _run(self, command: Command) -> Made:
        if command.kind is Kind.LOGIN:
            return self._enter(command.user, StreamKind.INBOX)
        if command.kind is Kind.CREATE_CHANNEL:
            return self._enter(command.target, StreamKind.CHANNEL)
        channel = command.kind is Kind.PUBLISH
        wanted = StreamKind.CHANNEL if channel else StreamKind.INBOX
        if self._kinds.get(command.target) is not wanted:
            return Made(Code.NO_SUCH_CHANNEL if channel else Code.NO_SUCH_USER)
        sender = self._enter(command.user, StreamKind.INBOX)
        if sender.refused is not None:
            return sender
        posts = self._posts[command.target]
        received = max(command.stamp.time, posts[-1].received) if posts else max(command.stamp.time, 0.0)
        kept = Kept(len(posts) + 1, command.operation.id, command.user, command.message, self.clock, received)
        posts.append(kept)
        return Made(seq=kept.seq)

    def _enter(self, name: str, kind: StreamKind) -> Made:
        """A name is there from now on, if it may be."""
        there = self._kinds.get(name)
        if there is not None:
            return Made(existing=True) if there is kind else Made(Code.NAME_IN_USE)
        names, most = (
            (self.users, self.users_max) if kind is StreamKind.INBOX else (self.channels, self.channels_max)
        )
        if len(names) >= most:
            return Made(Code.FULL)
        names.append(name)
        self._kinds[name] = kind
        self._posts[name] = []
        return Made()

    # Reads

    def missing(self, query: Query) -> Code | None:
        """The refusal that a read gets here, or None."""
        if not isinstance(query, History):
            return None
        page = query.query
        if page.kind is StreamKind.CHANNEL:
            return None if self._kinds.get(page.stream) is StreamKind.CHANNEL else Code.NO_SUCH_CHANNEL
        users = [page.stream] if page.partner is None else [page.stream, page.partner]
        here = all(self._kinds.get(user) is StreamKind.INBOX for user in users)
        return None if here else Code.NO_SUCH_USER

    def disagrees(self, query: Query, result: Result) -> str | None:
        """What is wrong with the answer to a read, in words, or None: the board as it is now answers so.

        Lists and pages may be cut short for their size, if they have something and say that they go on.
        """
        match query, result:
            case ListUsers(_, after), UserNames(names, more):
                return self._listing(self.users, StreamKind.INBOX, after, names, more=more)
            case ListChannels(_, after), ChannelNames(names, more):
                return self._listing(self.channels, StreamKind.CHANNEL, after, names, more=more)
            case History(_, page), (Page(posts, more) | PublishedPage(posts, more)):
                return self._page(page, posts, more=more)
        return f"a {type(result).__name__} is no answer to a {type(query).__name__}"

    def _listing(
        self, names: list[str], kind: StreamKind, after: str | None, listed: tuple[str, ...], *, more: bool
    ) -> str | None:
        if after is not None and self._kinds.get(after) is not kind:
            due: list[str] = []
        else:
            due = names if after is None else names[names.index(after) + 1 :]
        return _cut(due, list(listed), more=more, limit=len(due))

    def _page(self, query: PageQuery, shown: Iterable[Post | Published], *, more: bool) -> str | None:
        if query.partner is None:
            due = self._posts.get(query.stream, [])
            first = 0 if query.since is None else max(0, query.since)
            end = len(due) if query.before is None else max(0, query.before - 1)
            due = due[first:end]
        else:
            due = self._conversation(query.stream, query.partner)
            if query.since is not None:
                since = query.since
                due = [post for post in due if post.clock > since]
            if query.before is not None:
                before = query.before
                due = [post for post in due if post.clock < before]
        found = [_kept(post) for post in shown]
        if query.since is None:
            due, found = due[::-1], found[::-1]
        return _cut(due, found, more=more, limit=query.limit)

    def _conversation(self, one: str, other: str) -> list[Kept]:
        """What two users wrote to each other (or one to themselves), by clock."""
        posts = [post for post in self._posts.get(one, []) if post.user == other]
        if one != other:
            posts += [post for post in self._posts.get(other, []) if post.user == one]
        return sorted(posts, key=lambda post: post.clock)


def _kept(post: Post | Published) -> Kept:
    return Kept(post.seq, post.id, post.user, post.message or "", post.clock, post.received)


_SHOWN: Final = 200


def _cut(due: list[Kept] | list[str], found: list[Kept] | list[str], *, more: bool, limit: int) -> str | None:
    """Whether ``found`` is ``due`` in its order, up to ``limit``, or cut short and saying so."""
    if found != due[: len(found)]:
        wrong = next((pair for pair in zip(found, due, strict=False) if pair[0] != pair[1]), None)
        if wrong is None:
            return f"it has {len(found)}, of which there are {len(due)}"
        return f"it has {wrong[0]!s:.{_SHOWN}} where {wrong[1]!s:.{_SHOWN}} belongs"
    if len(found) > limit:
        return f"it has {len(found)}, where {limit} were asked for"
    if more is not (len(found) < len(due)):
        return f"it has {len(found)} of {len(due)}, and says that it does{'' if more else ' not'} go on"
    return "it is empty, and says that it goes on" if more and not found and limit else None
