"""A slow and unreliable link: packets that the kernel hands to a device are given back late, twice, or not at all.

A process of its own, so that what is slow is the link and not this program.  It stands in for ``tc netem``, which not every
kernel has, and needs ``/dev/net/tun`` in its place.
"""

import fcntl
import heapq
import itertools
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from random import Random
from typing import Final

import attrs

DEVICE: Final = "/dev/net/tun"
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_PACKET_BYTES_MAX: Final = 65_536

HELD_MAX: Final = 20_000
"""Packets that are held back at most; above, they are lost, as in a router's queue."""


@attrs.frozen
class Quality:
    """What a link is like.

    :param delay: seconds that each packet takes.
    :param jitter: seconds that it may take besides; so packets overtake each other.
    :param loss: the share that is lost.
    :param twice: the share that comes twice.
    :param seed: which those are.
    """

    delay: float
    jitter: float
    loss: float
    twice: float
    seed: int


def open_device(name: str) -> int:
    """Make a device; it lasts as long as the descriptor.

    :raises OSError: it cannot be made here.
    """
    descriptor = os.open(DEVICE, os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class Held:
    """The packets that are on their way over a link."""

    def __init__(self, quality: Quality) -> None:
        self._quality = quality
        self._rng = Random(quality.seed)
        self._order = itertools.count()
        self._held: list[tuple[float, int, bytes]] = []

    def __len__(self) -> int:
        return len(self._held)

    def push(self, packet: bytes, now: float) -> None:
        """A packet comes; it may be lost, and may come twice."""
        quality, rng = self._quality, self._rng
        for _ in range(1 + (rng.random() < quality.twice)):
            if rng.random() >= quality.loss and len(self._held) < HELD_MAX:
                due = now + quality.delay + rng.random() * quality.jitter
                heapq.heappush(self._held, (due, next(self._order), packet))

    def patience(self, now: float) -> float | None:
        """Seconds until the next one is due; None: there is none."""
        return max(0.0, self._held[0][0] - now) if self._held else None

    def pop(self, now: float) -> Iterator[bytes]:
        """Those that have arrived."""
        while self._held and self._held[0][0] <= now:
            yield heapq.heappop(self._held)[2]


def carry(descriptor: int, quality: Quality) -> None:
    """Carry packets until nobody holds this process's input open."""
    held = Held(quality)
    while True:
        readable, _, _ = select.select([descriptor, 0], [], [], held.patience(time.monotonic()))
        if 0 in readable and not os.read(0, 1):
            return
        if descriptor in readable:
            held.push(os.read(descriptor, _PACKET_BYTES_MAX), time.monotonic())
        for packet in held.pop(time.monotonic()):
            os.write(descriptor, packet)


def start(device: str, quality: Quality) -> "subprocess.Popen[bytes]":
    """Start the process of a link; it ends with this one."""
    words = [str(value) for value in attrs.astuple(quality)]
    return subprocess.Popen([sys.executable, "-m", __name__, device, *words], stdin=subprocess.PIPE)


def main() -> None:
    """The process: a device's name, and a quality's fields, as arguments."""
    device, *words = sys.argv[1:]
    *shares, seed = words
    delay, jitter, loss, twice = map(float, shares)
    carry(open_device(device), Quality(delay, jitter, loss, twice, int(seed)))


if __name__ == "__main__":
    main()
