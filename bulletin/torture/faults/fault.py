"""What all faults have in common, and what they act on."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import ClassVar

import attrs

from bulletin.torture.abilities import Abilities
from bulletin.torture.board import Board, RoleProcess
from bulletin.torture.network import Network
from bulletin.torture.record import Late

READY = 200
"""The status of ``/readyz`` of a role that does its work."""


@attrs.frozen
class Conditions:
    """What decides which faults are possible.

    :param abilities: what this machine can do.
    :param servers: how many there are.
    """

    abilities: Abilities
    servers: int


@attrs.define(eq=False)
class Scene:
    """A board, and what may be done to it.

    :param board: the board.
    :param abilities: what this machine can do.
    :param network: the hosts of its roles, or None: all are on the loopback.
    :param say: writes a line into the campaign's log.
    :param broken: promises that were found broken, in words.
    :param held: roles that a fault keeps from running; nobody starts them again.
    :param may_end: roles that may end by themselves, and what their last words have to be like.
    :param late: calls of faults' own that took longer than a board may take.
    :param copies: by server, an earlier copy of its directory, and how often it had been started then.
    """

    board: Board
    abilities: Abilities
    network: Network | None
    say: Callable[[str], None]
    broken: list[str] = attrs.Factory(list)
    late: list[Late] = attrs.Factory(list)
    held: set[str] = attrs.Factory(set)
    may_end: dict[str, "re.Pattern[str]"] = attrs.Factory(dict)
    copies: dict[str, tuple[Path, int]] = attrs.Factory(dict)

    def orders(self, server: RoleProcess) -> Path:
        """The file that tells a server's disk how to misbehave."""
        return self.board.folder / f"{server.name}.orders"

    def filler(self, server: RoleProcess) -> Path:
        """The file that takes the room on a server's disk, where that is a file system of its own."""
        return self.board.data(server) / "filler"

    def copy(self, server: RoleProcess) -> None:
        """Keep a copy of the directory of a server that does not run, in place of an earlier one."""
        target = self.board.folder / "copies" / server.name
        if target.exists():
            shutil.rmtree(target)
        copy_directory(self.board.data(server), target)
        self.copies[server.name] = target, server.starts


def copy_directory(source: Path, target: Path) -> None:
    """Copy a server's directory, without what fills its disk."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("filler", "lost+found"))


class Fault:
    """Something that goes wrong, for a while.

    :meth:`begin`, then :meth:`end` when its time is up, then :meth:`over` again and again until it says yes.  What it
    claims, nobody else breaks meanwhile.

    :param scene: what it acts on.
    :param rng: its chances.
    :param claims: names of roles, as :meth:`pick` gave them.
    """

    kind: ClassVar[str]
    """Its name on the command line."""

    seconds: ClassVar[tuple[float, float]] = (0.5, 4.0)
    """How long it lasts, from and to."""

    alone: ClassVar[bool] = False
    """Whether all must be whole before it, and stay so during it."""

    servers_min: ClassVar[int] = 3
    """Of so many servers one may be broken; 1 for what breaks no server, or all."""

    weight: ClassVar[int] = 2
    """How often it comes, relative to the others."""

    excuses: ClassVar[bool] = False
    """Whether clients may see errors because of it."""

    delays: ClassVar[bool] = False
    """Whether answers may come later than promised because of it: the broker does not run, or links are slow."""

    def __init__(self, scene: Scene, rng: Random, claims: tuple[RoleProcess, ...]) -> None:
        self.scene = scene
        self.rng = rng
        self.claims = claims
        self.detail = ""
        """What else there is to say of it."""

    @classmethod
    def obstacle(cls, conditions: Conditions) -> str | None:
        """Why it cannot happen here, or None."""
        return None if conditions.servers >= cls.servers_min else "it takes three servers"

    @classmethod
    def pick(
        cls, scene: Scene, rng: Random, free: list[RoleProcess], budget: int
    ) -> tuple[RoleProcess, ...] | None:
        """Whom it breaks, or None: not now.

        :param free: the roles that are whole.
        :param budget: how many further servers may be broken.
        """
        servers = servers_of(scene, free)
        return (rng.choice(servers),) if budget and servers else None

    def begin(self) -> None:
        """Break it."""

    def end(self) -> None:
        """Mend it, as far as that is not the board's own business."""

    def over(self) -> bool:
        """Whether all is well again."""
        return all(role.get("/readyz")[0] == READY for role in self.claims)

    def __str__(self) -> str:
        names = " ".join(role.name for role in self.claims if role.name != self.kind)
        return " ".join(word for word in (self.kind, names, self.detail) if word)


def servers_of(scene: Scene, free: list[RoleProcess]) -> list[RoleProcess]:
    """Those of some roles that are servers, in which the leader comes twice: chance alone misses it for long."""
    leader = scene.board.leader()
    servers = [role for role in free if role in scene.board.servers]
    return servers if leader is None or leader not in servers else [*servers, leader]
