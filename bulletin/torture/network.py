"""A network of our own: each role a host in a namespace, and between them a router whose links can be cut and slowed.

The router is the namespace that this process is in (see :mod:`bulletin.torture.abilities`), so this process reaches every
role whatever is cut between them.  What is cut is dropped on its way through the router, without a word to anybody, in one
direction only: ``cut(a, b)`` is what ``a`` sends to ``b``.  A slow link leads through a device that :mod:`bulletin.torture.lag`
reads, which holds packets back and loses some.

Nothing outlives this process: the namespaces are held by processes that end with it.
"""

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from bulletin.torture import lag
from bulletin.torture.waiting import until

NETWORK: Final = "10.99"
CUT_PRIORITY: Final = 100
SLOW_PRIORITY: Final = 200
BACK_PRIORITY: Final = 150
"""Below the cuts and above the slow links: a packet that was held back once is on its way."""


@attrs.define(eq=False)
class Slow:
    """Links that are slow at the moment."""

    device: str
    table: int
    links: list[tuple[str, str]]
    process: "subprocess.Popen[bytes]"


class Cuts:
    """Links that are cut, each as often as somebody cut it."""

    def __init__(self) -> None:
        self._times: Counter[tuple[str, str]] = Counter()

    def add(self, links: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Cut links once more; those that were whole."""
        fresh = [link for link in dict.fromkeys(links) if not self._times[link]]
        self._times.update(links)
        return fresh

    def remove(self, links: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Mend links once; those that are whole again."""
        self._times.subtract(links)
        return [link for link in dict.fromkeys(links) if not self._times[link]]


def ip(*lines: str) -> None:
    """Have commands of ``ip`` carried out, in order.

    :raises subprocess.CalledProcessError: one was not.
    """
    subprocess.run(
        ["ip", "-batch", "-"],
        input="".join(line + "\n" for line in lines).encode(),
        check=True,
        capture_output=True,
    )


class Network:
    """The namespaces of a board's roles, made when a role is first spoken of."""

    def __init__(self) -> None:
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._numbers: dict[str, int] = {}
        self._slow: list[Slow] = []
        self._cuts = Cuts()
        self._tables = 1000
        for setting, value in (
            ("ip_forward", "1"),
            ("conf/all/rp_filter", "0"),
            ("conf/default/rp_filter", "0"),
        ):
            Path(f"/proc/sys/net/ipv4/{setting}").write_text(value)
        ip("link set lo up")

    # -- where roles run (bulletin.torture.board.Hosts) -----------------------------------------------------------

    def address(self, role: str) -> str:
        """The address of a role's host."""
        self._host(role)
        return f"{NETWORK}.{self._numbers[role]}.2"

    def prefix(self, role: str) -> Sequence[str]:
        """Enter the role's namespace."""
        return ("nsenter", f"--net=/proc/{self._host(role).pid}/ns/net", "--")

    def _host(self, role: str) -> "subprocess.Popen[bytes]":
        holder = self._holders.get(role)
        if holder is not None:
            return holder
        number = self._numbers[role] = len(self._numbers) + 1
        # It ends when its input does, which is when this process ends, however that is.
        holder = subprocess.Popen(
            ["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self._holders[role] = holder
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != own, f"the namespace of {role}")
        until(lambda: Path(f"/proc/{holder.pid}/comm").read_text() == "cat\n", f"the holder of {role}")
        card = f"host{number}"
        ip(
            f"link add {card} type veth peer name eth0 netns {holder.pid}",
            f"address add {NETWORK}.{number}.1/24 dev {card}",
            f"link set {card} up",
        )
        inside = [
            "link set lo up",
            f"address add {NETWORK}.{number}.2/24 dev eth0",
            "link set eth0 up",
            f"route add default via {NETWORK}.{number}.1",
        ]
        subprocess.run(
            ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "--", "ip", "-batch", "-"],
            input="".join(line + "\n" for line in inside).encode(),
            check=True,
            capture_output=True,
        )
        return holder

    # -- what happens to links ------------------------------------------------------------------------------------

    def cut(self, links: Sequence[tuple[str, str]]) -> None:
        """Lose all that the first of each pair sends to the second; what is cut twice has to be mended twice."""
        cut = self._cuts.add(links)
        ip(*(f"rule add {self._between(link)} blackhole priority {CUT_PRIORITY}" for link in cut))

    def mend(self, links: Sequence[tuple[str, str]]) -> None:
        """Undo :meth:`cut` of the same."""
        whole = self._cuts.remove(links)
        ip(*(f"rule delete {self._between(link)} blackhole priority {CUT_PRIORITY}" for link in whole))

    def slow(self, links: Sequence[tuple[str, str]], quality: lag.Quality) -> Slow:
        """Make links slow and unreliable."""
        self._tables += 1
        device = f"slow{self._tables}"
        process = lag.start(device, quality)
        slow = Slow(device, self._tables, list(links), process)
        until(lambda: device in devices(), f"the device {device}")
        ip(
            f"link set {device} up",
            f"route add default dev {device} table {slow.table}",
            f"rule add iif {device} lookup main priority {BACK_PRIORITY}",
            *(
                f"rule add {self._between(link)} lookup {slow.table} priority {SLOW_PRIORITY}"
                for link in links
            ),
        )
        self._slow.append(slow)
        return slow

    def hasten(self, slow: Slow) -> None:
        """Undo :meth:`slow`; what is held back is lost."""
        self._slow.remove(slow)
        ip(
            *(
                f"rule delete {self._between(link)} lookup {slow.table} priority {SLOW_PRIORITY}"
                for link in slow.links
            ),
            f"rule delete iif {slow.device} lookup main priority {BACK_PRIORITY}",
        )
        slow.process.kill()
        slow.process.wait()

    def _between(self, link: tuple[str, str]) -> str:
        return f"from {self.address(link[0])} to {self.address(link[1])}"

    def close(self) -> None:
        """End what holds the namespaces."""
        for slow in self._slow[:]:
            self.hasten(slow)
        for holder in self._holders.values():
            holder.kill()
            holder.wait()


def devices() -> set[str]:
    """The names of the network devices in this namespace."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    return {line.partition(":")[0].strip() for line in lines}
