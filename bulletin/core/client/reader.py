"""A reader: hints of publications and pages of the history in, every post once and in order out."""

from typing import Final

import attrs

from bulletin.core.client.caller import Outcome, Unreachable
from bulletin.core.client.streams import NEVER, Progress, Stream
from bulletin.core.clocks.instant import Instant
from bulletin.core.errors import Refusal
from bulletin.core.wire import publications
from bulletin.core.wire.publications import HEADS_TOPIC, Published, topic_of
from bulletin.core.wire.replies import PublishedPage
from bulletin.core.wire.requests import History, ReadLevel

GAP: Final = 0.15
"""Seconds that a gap may take to close by itself before the history is asked."""

QUIET: Final = 10.0
"""Seconds without a word of a stream after which the history is asked for its newest post: the link to the proxy may
have been down when that was published."""

OVERTAKEN: Final = 3.0
"""Seconds after which a head beacon that is below what was read was not merely overtaken on its way."""

PAUSE: Final = 1.0
"""Seconds until the history is asked again after it had nothing of what was missing."""

BACK_OFF_MIN: Final = 0.5
BACK_OFF_MAX: Final = 5.0
"""Seconds at most between two attempts to get a page that cannot be had."""

STREAMS_MAX: Final = 1000
"""Streams that one reader follows at most."""


@attrs.frozen
class Delivered:
    """The next post of a stream."""

    stream: Stream
    post: Published


@attrs.frozen
class Caught:
    """All that the history had of a stream, when it was first asked, has gone out."""

    stream: Stream


@attrs.frozen
class WasReset:
    """The board has fewer posts than were read, or others: it was set up anew, and is read from its start.

    :param cursor: how far it had been read.
    :param head: how far it goes now.
    """

    stream: Stream
    cursor: int
    head: int


@attrs.frozen
class Failed:
    """A page could not be had; it is tried again.  Said once until one comes.

    :param why: the refusal, or silence.
    """

    stream: Stream
    why: Refusal | Unreachable


@attrs.frozen
class Recovered:
    """A page came again after :class:`Failed`."""

    stream: Stream


Event = Delivered | Caught | WasReset | Failed | Recovered


@attrs.frozen
class Fetch:
    """A page to ask for; what comes of it goes to :meth:`Reader.fetched`."""

    stream: Stream
    request: History


@attrs.frozen
class Ready:
    """What there is to do and to tell, in order."""

    fetches: tuple[Fetch, ...] = ()
    events: tuple[Event, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fetches or self.events)


@attrs.define
class Counters:
    """What has happened.

    :param delivered: posts that went out.
    :param healed: of those, the ones that came from the history.
    :param repeated: publications of posts that had gone out or were there already.
    :param foreign: publications of topics that nobody follows.
    :param malformed: publications that could not be read.
    """

    delivered: int = 0
    healed: int = 0
    repeated: int = 0
    foreign: int = 0
    malformed: int = 0


class Reader:
    """Follows streams.  Subscribing to their topics and to ``HEADS_TOPIC`` is its user's, before :meth:`follow`.

    :param now: the moment of the start.
    """

    def __init__(self, now: Instant) -> None:
        self._now = now.monotonic
        self._streams: dict[Stream, Progress] = {}
        self._topics: dict[bytes, Progress] = {}
        self._events: list[Event] = []
        self.counters = Counters()

    # -- inputs ---------------------------------------------------------------------------------------------------

    def follow(self, stream: Stream, now: Instant, *, since: int | None = None, last: int = 0) -> None:
        """Begin with a stream.

        :param since: the cursor: the ``seq`` of the last post that was read before; 0: from the first post.
        :param last: without a cursor: how many of the newest posts to begin with.
        """
        assert stream not in self._streams
        assert len(self._streams) < STREAMS_MAX
        self._now = now.monotonic
        following = None if since is None else since + 1
        progress = Progress(stream, following, last, due=self._now, heard=self._now, moved=self._now)
        self._streams[stream] = progress
        self._topics[topic_of(stream.name)] = progress

    def leave(self, stream: Stream) -> None:
        """Forget a stream; what still comes of it is nobody's."""
        progress = self._streams.pop(stream)
        if self._topics.get(topic_of(stream.name)) is progress:
            del self._topics[topic_of(stream.name)]

    def publication(self, topic: bytes, body: bytes, now: Instant) -> None:
        """What a subscription brought."""
        self._now = now.monotonic
        progress = self._topics.get(topic)
        if progress is None and topic != HEADS_TOPIC:
            self.counters.foreign += 1
            return
        try:
            publication = publications.read(topic, body)
        except Refusal:
            self.counters.malformed += 1
            return
        if isinstance(publication, publications.Heads):
            for head in publication.heads:
                followed = self._streams.get(Stream(head.kind, head.stream))
                if followed is not None:
                    self._head(followed, head.seq)
        elif progress is not None and isinstance(publication, Published):
            if publication.kind is progress.stream.kind:
                self._hint(progress, publication)
            else:
                self.counters.foreign += 1

    def exists(self, stream: Stream, seq: int, now: Instant) -> None:
        """Somebody who must know says that a stream has a post of that number: whoever was told so when he posted it."""
        self._now = now.monotonic
        progress = self._streams.get(stream)
        if progress is not None:
            progress.exists(seq)
            if progress.missing:
                self._fetch(progress, GAP)

    def fetched(self, stream: Stream, outcome: Outcome, now: Instant) -> None:
        """What became of a :class:`Fetch`."""
        self._now = now.monotonic
        progress = self._streams.get(stream)
        if progress is None or progress.asked is None:
            return
        progress.asked = None
        progress.heard = self._now
        if not isinstance(outcome, PublishedPage):
            assert isinstance(outcome, Refusal | Unreachable), "a page was asked for"
            self._failed(progress, outcome)
            return
        if progress.failures:
            progress.failures = 0
            self._events.append(Recovered(stream))
        posts = [post for post in outcome.posts if (post.kind, post.stream) == (stream.kind, stream.name)]
        if progress.probing:
            self._probed(progress, posts[-1] if posts else None)
        else:
            self._page(progress, posts, more=outcome.more)

    def tick(self, now: Instant) -> None:
        """Time has passed: every 20 to 50 ms."""
        self._now = now.monotonic
        for progress in self._streams.values():
            if progress.settled and self._now - progress.heard >= QUIET:
                progress.heard = self._now
                self._doubt(progress)

    # -- outputs --------------------------------------------------------------------------------------------------

    def ready(self) -> Ready:
        """Pages that are due, and what has happened."""
        fetches = []
        for stream, progress in self._streams.items():
            if progress.asked is None and progress.due <= self._now:
                progress.due = NEVER
                if progress.wanting:
                    fetches.append(Fetch(stream, History(ReadLevel.LINEARIZABLE, progress.ask())))
        events = tuple(self._events)
        self._events.clear()
        return Ready(tuple(fetches), events)

    def cursor(self, stream: Stream) -> int | None:
        """The ``seq`` of the last post that went out, to begin with the next time; None before the first page."""
        following = self._streams[stream].next
        return None if following is None else following - 1

    # -- what follows from what -----------------------------------------------------------------------------------

    def _head(self, progress: Progress, seq: int) -> None:
        """A beacon.  One that was overtaken by a post on its way says a little less than is known, for a little while."""
        progress.heard = self._now
        progress.exists(seq)
        if progress.missing:
            self._fetch(progress, GAP)
        elif progress.behind(seq) and self._now - progress.moved >= OVERTAKEN:
            self._doubt(progress)

    def _hint(self, progress: Progress, post: Published) -> None:
        """A publication of a post."""
        progress.heard = self._now
        if progress.next is not None and post.seq < progress.next:
            self.counters.repeated += 1
            if progress.contradicts(post):
                self._doubt(progress)
        elif post.message is None:
            progress.exists(post.seq)
            if progress.missing:
                self._fetch(progress, 0.0)
        else:
            self.counters.repeated += post.seq in progress.buffer
            progress.keep(post)
            self._release(progress)
            if progress.missing:
                self._fetch(progress, GAP)

    def _page(self, progress: Progress, posts: list[Published], *, more: bool) -> None:
        """A page of what comes next: the truth up to its last post, and to the head if there is no more."""
        first = not progress.settled
        progress.settled = True
        if progress.next is None:
            newest = posts[-1].seq if posts else 0
            progress.next = posts[0].seq if posts and progress.last else newest + 1
        before = progress.next
        for post in posts:
            if post.seq >= progress.next:
                if post.seq > progress.next:
                    progress.skip_to(post.seq)
                self.counters.healed += progress.drop(post.seq) is None
                self._deliver(progress, post)
        if more:
            progress.exists(progress.next)
        else:
            progress.settle(progress.next - 1)
        self._release(progress)
        moved = progress.next > before
        if first and not moved and before > 1:
            self._doubt(progress)  # a cursor above the head?
        elif progress.missing:
            self._fetch(progress, 0.0 if moved else PAUSE)
        if not progress.caught and not progress.missing and not progress.doubtful:
            progress.caught = True
            self._events.append(Caught(progress.stream))

    def _probed(self, progress: Progress, newest: Published | None) -> None:
        """The newest post of the history, asked for because something did not fit, or all was quiet."""
        progress.doubtful = False
        progress.moved = self._now
        head = 0 if newest is None else newest.seq
        cursor = (progress.next or 1) - 1
        if head < progress.asked_at - 1 or (newest is not None and progress.contradicts(newest)):
            self._events.append(WasReset(progress.stream, cursor, head))
            progress.start_anew(head)
        else:
            progress.settle(max(head, cursor))
            self._release(progress)
        if progress.missing:
            self._fetch(progress, 0.0)
        elif not progress.caught:
            progress.caught = True
            self._events.append(Caught(progress.stream))

    def _failed(self, progress: Progress, why: Refusal | Unreachable) -> None:
        progress.failures += 1
        if progress.failures == 1:
            self._events.append(Failed(progress.stream, why))
        self._fetch(progress, min(BACK_OFF_MAX, BACK_OFF_MIN * 2 ** min(progress.failures - 1, 10)))

    def _doubt(self, progress: Progress) -> None:
        progress.doubtful = True
        self._fetch(progress, 0.0)

    def _fetch(self, progress: Progress, seconds: float) -> None:
        """Have a page asked for, at the latest after so many seconds."""
        progress.due = min(progress.due, self._now + seconds)

    def _release(self, progress: Progress) -> None:
        """Let out of the buffer what is next."""
        while progress.next is not None:
            post = progress.drop(progress.next)
            if post is None:
                return
            self._deliver(progress, post)

    def _deliver(self, progress: Progress, post: Published) -> None:
        progress.gone_out(post)
        progress.moved = self._now
        self.counters.delivered += 1
        self._events.append(Delivered(progress.stream, post))
