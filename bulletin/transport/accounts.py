"""What each connection to a listening socket has sent that cannot be read, and was sent that it does not take.

ZeroMQ's marks count messages, so neither is bounded by them: a message whose end never comes is gathered frame by frame,
out of sight, and a thousand long replies wait for a peer that does not read.  TCP knows better: the kernel counts the
bytes of a connection that were received, and those that its peer has acknowledged.  Messages of one connection come one
after the other, so a connection that brings bytes and no message is in the midst of one; and what was given to ZeroMQ
for it and is not acknowledged waits here.

Connections that are no TCP (``ipc://``) are not looked at.
"""

import os
import socket
import struct
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

import attrs
import zmq

from bulletin.core.limits import KIB, MIB

LOOK_SECONDS: Final = 0.1
"""Between two looks at what connections have sent."""

LOOKS: Final = 200
"""Connections that are looked at in one turn; with more of them each has its turn less often."""

SLACK_BYTES: Final = 1 * MIB
"""What a connection may have sent beyond one whole frame, and no message: frames without an end."""

SLACK_BYTES_A_SECOND: Final = 1 * KIB
"""And what is added with the time: pings and other commands, which are no messages."""

UNREAD_BYTES_MAX: Final = 16 * MIB
"""Bytes that wait for one peer to take them; the next message is not sent then.  One that is longer by itself is, if
nothing waits."""

UNREAD_TOTAL_MAX: Final = 64 * MIB
"""Bytes that wait for all peers of a socket together.  Past that, whoever has not taken everything gets nothing more."""

SETTLE_EVERY_BYTES: Final = 4 * MIB
"""What is given to ZeroMQ, with too much waiting, until the kernel is asked about all peers again."""

_RECEIVED_AND_ACKNOWLEDGED: Final = struct.Struct("=QQ")
_INFO_OFFSET: Final = 120
_INFO_BYTES: Final = 136
"""Linux's ``struct tcp_info``: ``tcpi_bytes_acked`` and ``tcpi_bytes_received`` stand at 120 and 128, since 4.1."""

_SOURCE: Final = int(zmq.SRCFD)


def wire_bytes(frames: Iterable[bytes]) -> int:
    """Bytes of a message on the wire."""
    total = 0
    for frame in frames:
        size = len(frame)
        total += size + 9 if size > 255 else size + 2
    return total


def descriptor_of(frame: Any) -> int:
    """The descriptor that a frame came through; -1 where libzmq does not know."""
    try:
        return int(frame.get(_SOURCE))
    except (zmq.ZMQError, ValueError):
        return -1


@attrs.frozen
class Kernel:
    """What the kernel says of a connection.

    :param inode: tells the connection from a later one with the same descriptor.
    :param acknowledged: bytes that the peer has acknowledged.
    :param received: bytes that the peer has sent.
    """

    inode: int
    acknowledged: int
    received: int


def ask_kernel(descriptor: int) -> Kernel | None:
    """What the kernel says; None where the descriptor is no (longer a) TCP connection."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as peer:
            info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
            inode = os.fstat(peer.fileno()).st_ino
    except OSError:
        return None
    if len(info) < _INFO_BYTES:
        return None
    acknowledged, received = _RECEIVED_AND_ACKNOWLEDGED.unpack_from(info, _INFO_OFFSET)
    return Kernel(inode, acknowledged, received)


def shut_down(descriptor: int, is_mine: Callable[[socket.socket], bool]) -> None:
    """Cut a connection: to libzmq its peer went away, with everything that belonged to it."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as peer:
            if is_mine(peer):
                peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it went by itself


@attrs.define(eq=False)
class Account:
    """One connection.

    :param descriptor: the socket's descriptor, which is libzmq's.
    :param spoke: whether a message of it was read since the last look.
    :param inode: see `Kernel`; 0 until the kernel was asked.
    :param peer: the routing id of whoever is at its other end; empty where there is none, or no message has come.
    :param had: bytes that it had sent at the last look before which a message of it was read.
    :param had_at: when that was, seconds.
    :param given: bytes on the wire that were given to ZeroMQ for it, but for those known to be acknowledged.
    :param acknowledged: the bytes that the kernel said were, when it was last asked; None: it could not say.
    """

    descriptor: int
    had_at: float
    spoke: bool = False
    inode: int = 0
    peer: bytes = b""
    had: int = 0
    given: int = 0
    acknowledged: int | None = None


class Accounts:
    """The connections of one listening socket.

    :param frame_bytes: the longest frame that is let through.
    :param ask: in place of the kernel, in tests.
    """

    def __init__(self, frame_bytes: int, *, ask: Callable[[int], Kernel | None] = ask_kernel) -> None:
        self._unfinished_max = frame_bytes + SLACK_BYTES
        self._ask = ask
        self._by_descriptor: dict[int, Account] = {}
        self._by_peer: dict[bytes, Account] = {}
        self._given = self._given_before = 0
        self._turn = 0
        self.unread = 0
        """Bytes that may wait for all peers: never less than do."""

    def __len__(self) -> int:
        return len(self._by_descriptor)

    # What a socket tells

    def opened(self, descriptor: int, now: float) -> None:
        """A connection was accepted."""
        self.closed(descriptor)
        self._by_descriptor[descriptor] = Account(descriptor, now)

    def closed(self, descriptor: int) -> None:
        """A connection is gone."""
        account = self._by_descriptor.pop(descriptor, None)
        if account is None:
            return
        self.unread -= account.given
        account.given = 0
        if self._by_peer.get(account.peer) is account:
            del self._by_peer[account.peer]

    def heard(self, frame: Any, now: float) -> None:
        """A message was read; ``frame`` is of it."""
        descriptor = descriptor_of(frame)
        if descriptor >= 0:
            self._of(descriptor, now).spoke = True

    def heard_of(self, peer: bytes, frame: Any, now: float) -> None:
        """The same where ZeroMQ says who sent it."""
        account = self._by_peer.get(peer)
        # ZeroMQ's own ids begin with a zero byte, and are never given twice.  One that a peer chose may come back over
        # another connection.
        if account is None or peer[:1] != b"\0":
            descriptor = descriptor_of(frame)
            if descriptor < 0:
                return
            account = self._of(descriptor, now)
            if account.peer != peer or self._by_peer.get(peer) is not account:
                self._introduce(account, peer)
        account.spoke = True

    def _of(self, descriptor: int, now: float) -> Account:
        account = self._by_descriptor.get(descriptor)
        if account is None:
            account = self._by_descriptor[descriptor] = Account(descriptor, now)
        return account

    def _introduce(self, account: Account, peer: bytes) -> None:
        if self._by_peer.get(account.peer) is account:
            del self._by_peer[account.peer]
        account.peer = peer
        self._by_peer[peer] = account
        kernel = self._ask(account.descriptor)
        account.acknowledged = None if kernel is None else kernel.acknowledged

    # What may be sent

    def admit(self, peer: bytes, size: int) -> bool:
        """Whether that many bytes on the wire may be given to ZeroMQ for a peer; they count as given then."""
        account = self._by_peer.get(peer)
        if account is None or account.acknowledged is None:
            return True
        given = account.given + size
        if (given > UNREAD_BYTES_MAX or self.unread + size > UNREAD_TOTAL_MAX) and not self._has_room(
            account, size
        ):
            return False
        account.given += size
        self.unread += size
        self._given += size
        return True

    def refused(self, peer: bytes, size: int) -> None:
        """ZeroMQ did not take them after all."""
        account = self._by_peer.get(peer)
        if account is not None and account.acknowledged is not None:
            taken = min(size, account.given)
            account.given -= taken
            self.unread -= taken

    def _has_room(self, account: Account, size: int) -> bool:
        """Ask the kernel how much of what was given has been taken; now and then for all of them."""
        self._settle(account, self._ask(account.descriptor))
        if self.unread + size > UNREAD_TOTAL_MAX and self._given - self._given_before >= SETTLE_EVERY_BYTES:
            self._given_before = self._given
            for each in self._by_peer.values():
                if each.given:
                    self._settle(each, self._ask(each.descriptor))
        if not account.given:
            return True
        return account.given + size <= UNREAD_BYTES_MAX and self.unread + size <= UNREAD_TOTAL_MAX

    def _settle(self, account: Account, kernel: Kernel | None) -> None:
        """Take off what the peer has acknowledged; all of it where the connection is gone."""
        taken = account.given
        if (
            kernel is not None
            and account.acknowledged is not None
            and kernel.acknowledged >= account.acknowledged
        ):
            taken = min(taken, kernel.acknowledged - account.acknowledged)
            account.acknowledged = kernel.acknowledged
        account.given -= taken
        self.unread -= taken

    # What is looked at now and then

    def hoarders(self, now: float, *, caught_up: bool) -> list[int]:
        """The descriptors of connections that have brought more bytes than a message may have, and no message.

        :param caught_up: whether the socket has been read so far that a whole message would have been among what was.
        """
        found = []
        for account in self._next_ones():
            kernel = self._ask(account.descriptor)
            if kernel is None or account.inode not in {0, kernel.inode}:
                self.closed(account.descriptor)
                continue
            account.inode = kernel.inode
            if account.given:
                self._settle(account, kernel)
            if account.spoke:
                account.spoke = False
                account.had, account.had_at = kernel.received, now
            elif caught_up:
                most = self._unfinished_max + SLACK_BYTES_A_SECOND * (now - account.had_at)
                if kernel.received - account.had > most:
                    found.append(account.descriptor)
        return found

    def _next_ones(self) -> Iterable[Account]:
        everybody = list(self._by_descriptor.values())
        if len(everybody) <= LOOKS:
            return everybody
        start = self._turn % len(everybody)
        self._turn = start + LOOKS
        return islice((*everybody[start:], *everybody[:start]), LOOKS)
