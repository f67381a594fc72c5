"""A machine with a simulated disk, on which one thread does the work of a store step by step."""

from collections.abc import Callable
from typing import Final

from bulletin.storage.machine import Machine, Stepping
from bulletin.storage.simulated_disk.disk import SimulatedDisk


class Host:
    """One life of a process on a disk; it ends with the process."""

    def __init__(self, disk: SimulatedDisk, monotonic: Callable[[], float]) -> None:
        """The process begins; the one before has ended.

        :param monotonic: the machine's seconds.
        """
        self._works: Final[list[Stepping]] = []
        self._disk: Final = disk
        self._mount: Final = disk.mount()
        self.machine: Final = Machine(self._mount, disk.random.randbytes, monotonic, self._run)
        """For one store."""

    @property
    def alive(self) -> bool:
        """Whether the process lives, and the power is on."""
        return not self._mount.dead

    def step(self) -> bool:
        """One thing of what there is to do, whose is drawn; False: there is nothing."""
        works = self._disk.random.sample(self._works, len(self._works))
        return any(work.step(wait=False) for work in works)

    def _run(self, _name: str, work: Stepping) -> Callable[[], None]:
        self._works.append(work)
        return lambda: None
