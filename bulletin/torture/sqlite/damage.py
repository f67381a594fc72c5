"""Spoilt copies of a server's disk: a store that starts on one notices it, or reads from it what it should.

Nothing of it touches the run: the copy is started by a store of its own, everything is read, and scrubbed once; and the
same from a copy that is whole.  "Noticed" is: the start is refused with a sentence, or says that something is lost or was put aside
(then the server does not count before it has caught up), or a read or the scrubber fails.  Whatever was read before is right.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.store.port import Opened
from bulletin.simulation.violation import Violation
from bulletin.storage.simulated_disk.keeping import everything
from bulletin.torture.sqlite.look import HARMLESS, Found, Look
from bulletin.torture.sqlite.spoiling import spoil

if TYPE_CHECKING:
    from bulletin.torture.sqlite.server import SqliteServer

DAMAGE: Final = "damage"
"""The name of the promise: no wrong byte is served, and damage is noticed."""

COPIES: Final = 4
"""That are spoilt at one strike."""


class Damage:
    """Spoils copies.

    :param note: called with what came of each.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note: Final = note

    def how_noticed(self, server: "SqliteServer") -> str:
        """How a store would notice what is wrong with a disk that nobody uses, if anything is."""
        return Look(server.disk.files.image(everything, Random(1))).run().how

    def strike(self, server: "SqliteServer", rng: Random) -> None:
        """Spoil some copies of a server's disk.

        :raises Violation: a wrong byte was read, or something is wrong and was not noticed.
        """
        own = Random(rng.getrandbits(64))
        files = server.disk.files
        whole = Look(files.image(everything, own)).run()
        if whole.how != HARMLESS or whole.opened is None or whole.opened.restored is None:
            return  # it was not founded yet, or the last cut tore its hard-state file
        if server.twins.spoilt and not server.twins.explains(whole.opened):
            return  # it was spoilt itself, and no start has looked yet at what is left
        for _ in range(COPIES):
            copy = files.image(everything, own)
            what = spoil(copy, own)
            spoilt = Look(copy).run()
            wrong = differing(whole, spoilt, server.twins.explains)
            if wrong is not None:
                raise Violation(DAMAGE, f"{server.name}, {what}: {wrong}")
            self._note(f"damage_{spoilt.how}")


def differing(whole: Found, spoilt: Found, explains: Callable[[Opened], bool]) -> str | None:
    """What is wrong with what was read from a spoilt disk, or None.

    A start on it that says nothing need not find all that is on the whole one: what was never acknowledged may be gone, as by
    a power cut.  That is rows which were applied and not synced, and a transaction that is in the WAL and was not said to be done:
    where a sync failed, or the hard-state file was not written yet.  A WAL that is cut at its last frames is a sound
    one of a moment earlier, and of that moment nothing tells but the hard-state file, which was at it.

    :param whole: what was read from the disk as it is.
    :param spoilt: what was read from the copy.
    :param explains: whether a start may have found this: all that was acknowledged, and a beginning of the rest.
    """
    for stream, posts in spoilt.posts.items():
        true = whole.posts.get(stream, [])
        for post in posts:
            if post.seq > len(true) or true[post.seq - 1] != post:
                return f"a post was read that was never made: {post}"
    if spoilt.how != HARMLESS:
        return None
    found, true_start = spoilt.opened, whole.opened
    assert found is not None
    assert true_start is not None
    if _plain(found) != _plain(true_start):
        if found.member != true_start.member or not explains(found):
            return "the start found something else, and said nothing"
    elif whole.entries != spoilt.entries:
        return "entries of the log are others or missing, and nothing was noticed"
    return _lacking(spoilt)


def _lacking(found: Found) -> str | None:
    """What a start said to be there, and was not read; or None."""
    opened = found.opened
    if opened is None or opened.restored is None or opened.board is None:
        return None
    heads = {(stream.kind.value, stream.name): stream.seq for stream in opened.board.streams}
    if heads != {stream: len(posts) for stream, posts in found.posts.items()}:
        return "posts are missing, and nothing was noticed"
    if len(found.entries) != opened.restored.last_index - opened.restored.anchor.index:
        return "entries of the log are missing, and nothing was noticed"
    return None


def _plain(opened: Opened) -> Opened:
    """What a start found, without what is of this start alone, or advice."""
    restored = opened.restored
    plain = None if restored is None else attrs.evolve(restored, incarnation=0, entries=())
    return attrs.evolve(opened, restored=plain, learnt={})
