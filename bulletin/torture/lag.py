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


def carry(descriptor: int, quality: Quality) -> None:
    """Carry packets until nobody holds this process's input open."""
    rng = Random(quality.seed)
    order = itertools.count()
    held: list[tuple[float, int, bytes]] = []
    while True:
        now = time.monotonic()
        patience = max(0.0, held[0][0] - now) if held else None
        readable, _, _ = select.select([descriptor, 0], [], [], patience)
        if 0 in readable and not os.read(0, 1):
            return
        now = time.monotonic()
        if descriptor in readable:
            packet = os.read(descriptor, _PACKET_BYTES_MAX)
            for _ in range(1 + (rng.random() < quality.twice)):
                if rng.random() >= quality.loss and len(held) < HELD_MAX:
                    due = now + quality.delay + rng.random() * quality.jitter
                    heapq.heappush(held, (due, next(order), packet))
        while held and held[0][0] <= now:
            os.write(descriptor, heapq.heappop(held)[2])


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
