"""Messages on their way out, each held until what it reflects is on this node's disk."""

from collections import deque

import attrs

from bulletin.core.raft.disk import Disk
from bulletin.core.raft.messages import AppendReply, Greeting, GreetingReply, Message


@attrs.frozen
class _Held:
    """A message that leaves once the write ``after`` is stored."""

    after: int
    recipient: bytes
    message: Message


class Outbox:
    """Every message of a node leaves through here.

    Bounded by what comes in: each message received or timer due adds at most one for each peer, and replies that
    wait for the same write are merged.

    :param disk: tells which write makes the present term and vote durable.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._free: list[tuple[bytes, Message]] = []
        self._held: deque[_Held] = deque()
        self.introduced: set[bytes] = set()
        """Peers that have judged this start's greeting.  Nothing else is said to anybody before, so whatever a
        peer heard from this member until then was said by an earlier start."""

    @property
    def held(self) -> int:
        """How many messages wait for the disk."""
        return len(self._held)

    def send(self, recipient: bytes, message: Message, after: int = 0) -> None:
        """Send once write ``after`` is stored and the present term and vote are (3.8)."""
        if recipient not in self.introduced and not isinstance(message, Greeting | GreetingReply):
            return
        after = max(after, self._disk.hard_sequence)
        if after <= self._disk.persisted:
            self._free.append((recipient, message))
        elif not self._merge(recipient, message, after):
            self._held.append(_Held(after, recipient, message))

    def send_at_once(self, recipient: bytes, message: Message) -> None:
        """Send what reflects nothing durable: a pre-vote and the answer to one."""
        if recipient in self.introduced:
            self._free.append((recipient, message))

    def _merge(self, recipient: bytes, message: Message, after: int) -> bool:
        """Two successes for one leader that wait for one write become one."""
        last = self._held[-1] if self._held else None
        if (
            last is None
            or last.after != after
            or last.recipient != recipient
            or not isinstance(message, AppendReply)
            or not isinstance(last.message, AppendReply)
            or not (message.success and last.message.success)
        ):
            return False
        merged = attrs.evolve(
            message,
            match=max(message.match, last.message.match),
            hint_index=max(message.hint_index, last.message.hint_index),
            round=max(message.round, last.message.round),
        )
        self._held[-1] = _Held(after, recipient, merged)
        return True

    def release(self) -> None:
        """Let go what waited for writes that are now stored."""
        persisted = self._disk.persisted
        if self._held:
            kept: deque[_Held] = deque()
            for held in self._held:
                if held.after <= persisted:
                    self._free.append((held.recipient, held.message))
                else:
                    kept.append(held)
            self._held = kept

    def forget_held(self) -> None:
        """The term has changed: what waited speaks of a term in which nobody needs it any more.

        In particular no acknowledgement of entries outlives the term in which they were accepted.
        """
        self._held = deque(held for held in self._held if isinstance(held.message, GreetingReply))

    def take(self) -> tuple[tuple[bytes, Message], ...]:
        """What may leave now."""
        messages = tuple(self._free)
        self._free.clear()
        return messages
