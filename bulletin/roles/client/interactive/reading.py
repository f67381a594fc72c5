"""What a session follows: every post of it is shown once, also of what was read in an earlier session."""

from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.caller import Unreachable
from bulletin.core.client.reader import Caught, Delivered, Event, Failed, Recovered, WasReset
from bulletin.core.client.streams import Stream
from bulletin.core.errors import Refusal
from bulletin.core.limits import CLOCK_MAX
from bulletin.language import N_
from bulletin.roles.client.interactive.asking import Asking
from bulletin.roles.client.interactive.state import Seen, State
from bulletin.roles.client.interactive.voice import Voice
from bulletin.roles.client.link import Link, NoAnswer, Refused, without_effect
from bulletin.roles.harmless import harmless

BEGIN_WITH: Final = 10
"""Posts that a channel is begun with, where it is not known how far it had been read."""

MISSED_MAX: Final = 100
"""Posts at most that are shown of those that came since the last time."""

FOLLOWED_MAX: Final = 100
"""Channels that are followed at once."""

REMEMBER: Final = 5.0
"""Seconds at most until it is written down how far was read."""

_log = Logger()


@attrs.define
class Followed:
    """A stream that is followed.

    :param begun: fires when what the history had at first has been shown; fails with why it cannot be had.
    :param first: the number of the first post that was shown, or None.
    :param last: of the last one; 0 if none.
    """

    begun: "Deferred[None]" = attrs.Factory(Deferred)
    first: int | None = None
    last: int = 0


class Reading:
    """See above.

    :param asking: the board.
    :param voice: shows it.
    :param state: remembers how far it was read; used where a person is there.
    :param user: whose inbox it is.
    """

    def __init__(self, asking: Asking, voice: Voice, state: State, user: str) -> None:
        self.inbox = Stream(StreamKind.INBOX, user)
        self.followed: dict[Stream, Followed] = {}
        self._asking = asking
        self._link: Link = asking.link
        self._voice = voice
        self._state = state
        seen = state.seen() if voice.terminal else Seen()
        self.earlier = list(seen.following)
        """The channels of the last session that are not followed again yet, the current one last."""
        self._read: dict[Stream, int] = {_channel(name): seq for name, seq in seen.channels.items()}
        if seen.inbox is not None:
            self._read[self.inbox] = seen.inbox
        self._dirty = False
        self._remembered = float("-inf")
        self._reached: list[tuple[Stream, int, Deferred[None]]] = []

    @property
    def channels(self) -> list[str]:
        """The channels that are followed."""
        return [stream.name for stream in self.followed if stream.kind is StreamKind.CHANNEL]

    def follows(self, channel: str) -> bool:
        """Whether a channel is followed."""
        return _channel(channel) in self.followed

    async def follow(self, stream: Stream) -> None:
        """Follow a stream from where its reading stopped, or else from its last posts on.

        Where nobody waits at a terminal, until those are shown.
        """
        since = self._read.get(stream)
        if since is not None:
            since = await self._not_too_far(stream, since)
        if stream in self.followed:
            return
        followed = self.followed[stream] = Followed(last=since or 0)
        self.forget(stream)
        begin_with = BEGIN_WITH if stream.kind is StreamKind.CHANNEL or self._voice.terminal else 0
        self._link.follow(stream, since=since, last=begin_with)
        if not self._voice.terminal:
            try:
                await followed.begun
            except (Refused, NoAnswer):
                self._drop(stream)
                raise

    async def follow_channel(self, channel: str) -> None:
        """Follow a channel."""
        await self.follow(_channel(channel))

    def forget(self, stream: Stream) -> None:
        """Of what the last session followed, this needs to be followed again no longer."""
        self._dirty = True
        if stream.kind is StreamKind.CHANNEL and stream.name in self.earlier:
            self.earlier.remove(stream.name)

    async def _not_too_far(self, stream: Stream, since: int) -> int | None:
        """Where to begin; None if that is so far back that only the last posts are shown."""
        newest = await self._asking.page(stream, 1)
        missed = newest[-1].seq - since if newest else 0
        if missed <= MISSED_MAX:
            return since
        self._voice.notice(
            self._voice.say(
                N_("{number} posts came in {stream} since you were here; these are the last of them:"),
                number=missed,
                stream=harmless(stream.name),
            )
        )
        return None

    def leave(self, channel: str) -> None:
        """Follow a channel no longer."""
        self._drop(_channel(channel))

    def _drop(self, stream: Stream) -> None:
        del self.followed[stream]
        self._reach(stream, CLOCK_MAX)
        self._dirty = True
        self._link.leave(stream)
        self._asking.able(stream)

    def heard(self, event: Event) -> None:
        """What happened in a stream."""
        followed = self.followed.get(event.stream)
        if followed is None:
            return
        match event:
            case Delivered(stream, post):
                followed.first = post.seq if followed.first is None else followed.first
                followed.last = post.seq
                self._read[stream] = post.seq
                self._dirty = True
                self._asking.names.users.learn(post.user)
                self._voice.post(post)
                self._reach(stream, post.seq)
            case Caught(stream):
                self._read.setdefault(stream, 0)
                self._begun(followed)
            case WasReset(stream, cursor, head):
                followed.first, followed.last = None, 0
                self._read[stream] = 0
                self._asking.names.forget()
                self._voice.reset(stream.name, cursor, head)
            case Recovered(stream):
                self._asking.able(stream)
            case Failed(stream, why):
                self._failed(stream, followed, why)

    def _begun(self, followed: Followed) -> None:
        if not followed.begun.called:
            followed.begun.callback(None)

    def _failed(self, stream: Stream, followed: Followed, why: Refusal | Unreachable) -> None:
        if isinstance(why, Unreachable):
            self._asking.silence()
        elif why.retry_after is not None:
            self._asking.unable(stream, without_effect(why))
        if not self._voice.terminal and not followed.begun.called:
            followed.begun.errback(
                NoAnswer(write=False) if isinstance(why, Unreachable) else Refused(without_effect(why), "")
            )
        elif not isinstance(why, Unreachable) and why.retry_after is None:
            self._voice.error(f"{harmless(stream.name)}: {self._voice.reason(without_effect(why))}")

    # Whether a post is shown

    def shows(self, stream: Stream, seq: int) -> bool:
        """Whether a post that was just acknowledged is shown here, or was: else its stream is not followed from so early."""
        followed = self.followed.get(stream)
        if followed is None or (followed.first is not None and seq < followed.first):
            return False
        self._link.exists(stream, seq)
        return True

    def until_shown(self, stream: Stream, seq: int) -> "Deferred[None]":
        """Fires when a post of a followed stream has been shown, or the stream is followed no longer."""
        shown: Deferred[None] = Deferred()
        self._reached.append((stream, seq, shown))
        followed = self.followed.get(stream)
        self._reach(stream, seq if followed is None else followed.last)
        return shown

    def _reach(self, stream: Stream, seq: int) -> None:
        reached = [each for each in self._reached if each[0] == stream and each[1] <= seq]
        self._reached = [each for each in self._reached if each not in reached]
        for _, _, shown in reached:
            shown.callback(None)

    # How far it was read

    def tick(self, current: str | None) -> None:
        """Time has passed."""
        if self._dirty and self._voice.now().monotonic - self._remembered >= REMEMBER:
            self.remember(current)

    def remember(self, current: str | None) -> None:
        """Write down how far was read, and what is followed."""
        if not self._voice.terminal:
            return
        self._remembered = self._voice.now().monotonic
        self._dirty = False
        read = {stream.name: seq for stream, seq in self._read.items() if stream.kind is StreamKind.CHANNEL}
        following = sorted([*self.earlier, *self.channels], key=lambda name: name == current)
        try:
            self._state.remember(Seen(self._read.get(self.inbox), read, tuple(following)))
        except OSError as why:
            _log.warn("It could not be written down how far was read: {why}", why=why)


def _channel(name: str) -> Stream:
    return Stream(StreamKind.CHANNEL, name)
