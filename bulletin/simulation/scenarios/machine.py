"""One server of a script."""

from random import Random

from bulletin.core.raft.node import Node
from bulletin.core.raft.ready import Fetch
from bulletin.simulation.log.disk import Content, SimulatedDisk


class Even(Random):
    """Chance that always falls in the middle; random bits count the starts."""

    starts = 0

    def random(self) -> float:
        """The middle."""
        return 0.5

    def getrandbits(self, _bits: int, /) -> int:
        """The next number."""
        self.starts += 1
        return self.starts


class Machine:
    """A server: its disk, and its node while it runs.

    :param number: from 1.
    :param member: its member id.
    """

    def __init__(self, number: int, member: bytes, disk: SimulatedDisk) -> None:
        self.number = number
        self.member = member
        self.disk = disk
        self.node: Node | None = None
        self.chance = Even()
        self.lots = Random(number)
        """Where its tables are cut into parts."""
        self.fetches: list[Fetch] = []
        """What was asked of the disk and not read yet."""
        self.copy: Content | None = None
        self.known = ""
        """What was last said of its role."""

    @property
    def running(self) -> Node:
        """Its node; it must run."""
        assert self.node is not None, f"server {self.number} is down"
        return self.node

    def copied(self) -> Content:
        """The copy of its disk that was kept; it must be down."""
        assert self.node is None, f"server {self.number} is running"
        assert self.copy is not None, "no copy was kept"
        return self.copy.copy()
