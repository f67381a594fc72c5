"""Spoilt copies of a server's disk: a store that starts on one notices it, or reads from it what it should.

Nothing of it touches the run: the copy is started by a store of its own, everything is read, and scrubbed once; and the
same from a copy that is whole.  "Noticed" is: the start is refused with a sentence, or says that something is lost or was put aside
(then the server does not count before it has caught up), or a read or the scrubber fails.  Whatever was read before is right.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

import attrs

from bulletin.core.raft.ready import Restored
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
        for _ in range(COPIES):
            copy = files.image(everything, own)
            what = spoil(copy, own)
            spoilt = Look(copy).run()
            wrong = differing(whole, spoilt)
            if wrong is not None:
                raise Violation(DAMAGE, f"{server.name}, {what}: {wrong}")
            self._note(f"damage_{spoilt.how}")


def differing(whole: Found, spoilt: Found) -> str | None:
    """What is wrong with what was read from a spoilt disk, or None."""
    for stream, posts in spoilt.posts.items():
        true = whole.posts.get(stream, [])
        for post in posts:
            if post.seq > len(true) or true[post.seq - 1] != post:
                return f"a post was read that was never made: {post}"
    if spoilt.how != HARMLESS:
        return None
    if _applied(spoilt) < _applied(whole) and _log(whole) == _log(spoilt):
        return (
            None  # rows that were applied and not synced are gone, as by a power cut: the log has them still
        )
    if _plain(whole) != _plain(spoilt):
        return "the start found something else, and said nothing"
    if whole.posts != spoilt.posts:
        return "posts are missing, and nothing was noticed"
    if whole.entries != spoilt.entries:
        return "entries of the log are others or missing, and nothing was noticed"
    return None


def _applied(found: Found) -> int:
    assert found.opened is not None
    assert found.opened.restored is not None
    return found.opened.restored.applied


def _log(found: Found) -> Restored:
    """What a start found of what is synced, each time."""
    restored = _plain(found).restored
    assert restored is not None
    return attrs.evolve(restored, applied=0)


def _plain(found: Found) -> Opened:
    """What a start found, without what is of this start alone, or advice."""
    opened = found.opened
    assert opened is not None
    assert opened.restored is not None
    restored = attrs.evolve(opened.restored, incarnation=0, entries=())
    return attrs.evolve(opened, restored=restored, learnt={})
