"""Peers that do harm: subscribers that do not read, and floods at every port."""

import subprocess
from random import Random

import zmq

from bulletin.torture import flood
from bulletin.torture.board import RoleProcess
from bulletin.torture.calls import patient_socket
from bulletin.torture.faults.fault import Fault, Scene


class SlowReader(Fault):
    """Subscribers to everything that never read."""

    kind = "slow-reader"
    servers_min = 1
    seconds = (4.0, 12.0)

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._count = rng.randint(1, 8)
        self.detail = f"{self._count} of them"

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """Nobody is broken by it."""
        del scene, rng, free, budget
        return ()

    def begin(self) -> None:
        """Subscribe."""
        self._context = zmq.Context()
        for _ in range(self._count):
            socket = patient_socket(self._context, zmq.SUB, self.scene.board.proxy_endpoint)
            socket.rcvhwm = 1
            socket.rcvbuf = 4096
            socket.subscribe(b"")

    def end(self) -> None:
        """Go away."""
        assert self._context is not None
        self._context.destroy(0)


class Flood(Fault):
    """Somebody sends as fast as he can, sense and nonsense, to one of the ports."""

    kind = "flood"
    servers_min = 1
    excuses = True
    seconds = (1.0, 4.0)

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        super().__init__(scene, rng, claims)
        self._process: subprocess.Popen[bytes] | None = None
        self._target = rng.choice(flood.targets(scene.board))
        self._seed = rng.randrange(2**32)
        self.detail = f"at the {self._target.what} of {self._target.role}"

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """Nobody is broken by it."""
        del scene, rng, free, budget
        return ()

    def begin(self) -> None:
        """Begin to send."""
        self._process = flood.start(self._target, self._seed)

    def end(self) -> None:
        """Stop."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
