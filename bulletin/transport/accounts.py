"""What each connection to a listening socket has sent that cannot be read, and was sent that it does not take.

ZeroMQ's marks count messages, so neither is bounded by them: a message whose end never comes is gathered frame by frame,
out of sight, and a thousand long replies wait for a peer that does not read.  TCP knows better.  The kernel counts the
bytes of a connection that were received, and those that its peer has acknowledged; here are counted the bytes that were
handed on, and those that were given to ZeroMQ.  The differences are what libzmq and the kernel hold.

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
"""What a connection may have sent beyond one whole frame: handshakes, frames without an end, what is still on its way."""

SLACK_BYTES_A_SECOND: Final = 1 * KIB
"""And what is added with its age: pings and other commands, which nobody is handed."""

UNREAD_BYTES_MAX: Final = 16 * MIB
"""Bytes that wait for one peer to take them; the next message is not sent then.  One that is longer by itself is, if
nothing waits."""

UNREAD_TOTAL_MAX: Final = 64 * MIB
"""Bytes that wait for all peers of a socket together.  Past that, whoever has not taken everything gets nothing more."""

_RECEIVED_AND_ACKNOWLEDGED: Final = struct.Struct("=QQ")
_INFO_OFFSET: Final = 120
_INFO_BYTES: Final = 136
"""Linux's ``struct tcp_info``: ``tcpi_bytes_acked`` and ``tcpi_bytes_received`` stand at 120 and 128, since 4.1."""


def wire_bytes(size: int) -> int:
    """Bytes of a frame on the wire."""
    return size + 9 if size > 255 else size + 2


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
    :param inode: see `Kernel`; 0 until the kernel was asked.
    :param since: when it was first seen, seconds.
    :param peer: the routing id of whoever is at its other end, once a message of it came.
    :param handed_on: bytes on the wire of its messages that were read.
    :param handed_on_before: the same at the last look.
    :param given: bytes on the wire that were given to ZeroMQ for it since ``settled``.
    :param settled: what the kernel said was acknowledged when nothing waited.
    """

    descriptor: int
    since: float
    inode: int = 0
    peer: bytes = b""
    handed_on: int = 0
    handed_on_before: int = 0
    given: int = 0
    settled: int | None = None


class Accounts:
    """The connections of one listening socket.

    :param frame_bytes: the longest frame that is let through.
    :param ask: in place of the kernel, in tests.
    """

    def __init__(self, frame_bytes: int, *, ask: Callable[[int], Kernel | None] = ask_kernel) -> None:
        self._unfinished_max = frame_bytes + SLACK_BYTES
        self._ask = ask
        self._accounts: dict[int, Account] = {}
        self._by_peer: dict[bytes, Account] = {}
        self._waits = 0
        self._given_since_look = 0
        self._turn = 0

    def __len__(self) -> int:
        return len(self._accounts)

    @property
    def unread(self) -> int:
        """Bytes that may wait for peers: never less than do."""
        return self._waits

    # What a socket tells

    def opened(self, descriptor: int, now: float) -> None:
        """A connection was accepted."""
        self.closed(descriptor)
        self._accounts[descriptor] = Account(descriptor, now)

    def closed(self, descriptor: int) -> None:
        """A connection is gone."""
        account = self._accounts.pop(descriptor, None)
        if account is None:
            return
        self._waits -= account.given
        if self._by_peer.get(account.peer) is account:
            del self._by_peer[account.peer]

    def heard(self, descriptor: int, peer: bytes, size: int, now: float) -> None:
        """A message of ``size`` bytes on the wire was read."""
        account = self._accounts.get(descriptor)
        if account is None:
            account = self._accounts[descriptor] = Account(descriptor, now)
        account.handed_on += size
        if account.peer != peer or self._by_peer.get(peer) is not account:
            if self._by_peer.get(account.peer) is account:
                del self._by_peer[account.peer]
            account.peer = peer
            self._by_peer[peer] = account

    def admits(self, peer: bytes, size: int) -> bool:
        """Whether a message of that many bytes may be given to ZeroMQ for a peer."""
        account = self._by_peer.get(peer)
        if account is None:
            return True
        crowded = self._waits + size > UNREAD_TOTAL_MAX
        if crowded or account.given + size > UNREAD_BYTES_MAX:
            self._settle(account)
            if crowded and self._given_since_look > SLACK_BYTES:
                self._given_since_look = 0
                for each in list(self._accounts.values()):
                    if each.given:
                        self._settle(each)
            crowded = self._waits + size > UNREAD_TOTAL_MAX
        return not account.given or not (crowded or account.given + size > UNREAD_BYTES_MAX)

    def sent(self, peer: bytes, size: int) -> None:
        """It was given to ZeroMQ."""
        account = self._by_peer.get(peer)
        if account is None:
            return
        if account.settled is None:
            kernel = self._ask(account.descriptor)
            if kernel is None:
                return
            account.settled = kernel.acknowledged
        account.given += size
        self._waits += size
        self._given_since_look += size

    def _settle(self, account: Account) -> None:
        """Take off what the peer has acknowledged."""
        kernel = self._ask(account.descriptor)
        taken = account.given
        if kernel is not None and account.settled is not None and kernel.acknowledged >= account.settled:
            taken = min(taken, kernel.acknowledged - account.settled)
            account.settled = kernel.acknowledged
        account.given -= taken
        self._waits -= taken

    # What it asks now and then

    def hoarders(self, now: float, *, caught_up: bool) -> list[int]:
        """The descriptors of connections with more bytes on this side than one message may have, and no message read.

        :param caught_up: whether the socket has been read so far that a whole message would have been among what was.
        """
        found = []
        for account in self._next_ones():
            quiet = account.handed_on == account.handed_on_before
            account.handed_on_before = account.handed_on
            kernel = self._ask(account.descriptor)
            if kernel is None or account.inode not in {0, kernel.inode}:
                self.closed(account.descriptor)
                continue
            account.inode = kernel.inode
            most = self._unfinished_max + SLACK_BYTES_A_SECOND * (now - account.since)
            if caught_up and quiet and kernel.received - account.handed_on > most:
                found.append(account.descriptor)
        return found

    def _next_ones(self) -> Iterable[Account]:
        everybody = list(self._accounts.values())
        if len(everybody) <= LOOKS:
            return everybody
        start = self._turn % len(everybody)
        self._turn = start + LOOKS
        return list(islice((*everybody[start:], *everybody[:start]), LOOKS))


def descriptor_of(frame: Any) -> int:
    """The descriptor that a frame came through; -1 where libzmq does not know."""
    try:
        return int(frame.get(_SOURCE))
    except (zmq.ZMQError, ValueError):
        return -1


_SOURCE: Final = int(zmq.SRCFD)
