"""What this machine can do: which faults are possible here, and why the others are not.

Namespaces are entered by starting this command again within them (:func:`enter`); what it makes there, links, mounts and all,
ends with it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import attrs

from bulletin.torture import lag

INSIDE: Final = "TORTURE_INSIDE"
"""The variable that tells the command that it is in namespaces of its own."""

_PROGRAMS: Final = ("ip", "unshare", "nsenter", "mount")


@attrs.frozen
class Abilities:
    """For each thing that a fault needs, why it cannot be had, or None: it can.

    :param network: hosts in namespaces, and links between them that can be cut.
    :param slow_links: devices that hold packets back.
    :param mounts: small file systems of the servers' own.
    :param disk_orders: a library that makes a disk misbehave.
    """

    network: str | None
    slow_links: str | None
    mounts: str | None
    disk_orders: str | None


def _tried(*command: str) -> str | None:
    """Why a command fails, or None."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip() or f"status {done.returncode}"


def _way_in() -> list[str] | str:
    """How to enter namespaces of one's own, or why one cannot."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"these programs are missing: {', '.join(missing)}"
    way = [
        "unshare",
        "--net",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    if os.geteuid():
        way.append("--map-root-user")
    tried = _tried(*way, "ip", "rule", "add", "from", "10.99.1.2", "to", "10.99.2.2", "blackhole")
    return way if tried is None else f"there are no namespaces here ({tried})"


def enter(arguments: Sequence[str]) -> None:
    """Go on in namespaces of one's own, if there are any: this process becomes another one, with the same arguments."""
    if INSIDE in os.environ:
        return
    way = _way_in()
    if isinstance(way, str):
        os.environ[INSIDE] = way
        return
    environment = os.environ | {INSIDE: ""}
    command = [*way, "--", sys.executable, "-m", "bulletin.torture", *arguments]
    os.execvpe(command[0], command, environment)  # noqa: S606 - a command of this program's own


def find_out() -> Abilities:
    """Try everything; after :func:`enter`."""
    network = os.environ.get(INSIDE, "nobody tried") or None
    return Abilities(
        network=network,
        slow_links=network or _devices(),
        mounts=network or _mounts(),
        disk_orders=None if shutil.which("cc") or shutil.which("gcc") else "there is no C compiler",
    )


def _devices() -> str | None:
    try:
        os.close(lag.open_device("probe"))
    except OSError as error:
        return f"{lag.DEVICE} cannot be used ({error.strerror})"
    return None


def _mounts() -> str | None:
    with tempfile.TemporaryDirectory(prefix="bulletin-mount-") as folder:
        tried = _tried("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
        if tried is None:
            tried = _tried("umount", folder)
    return tried


def netem() -> bool:
    """Whether this kernel has ``tc netem``; where it has not, or not here, slow links are played all the same."""
    tried = _tried("unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    return tried is None


def compile_library(target: Path) -> None:
    """Make the library that is preloaded into servers, to have their disks misbehave.

    :raises subprocess.CalledProcessError: the compiler does not take it.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None
    with as_file(files("bulletin.torture") / "disk.c") as source:
        subprocess.run([compiler, "-shared", "-fPIC", "-o", target, source, "-ldl"], check=True)


def mount(folder: Path, mebibytes: int) -> None:
    """Make a folder a small file system of its own; it ends with the namespace.

    :raises subprocess.CalledProcessError: it cannot be.
    """
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """Undo :func:`mount`; what is in it is gone.

    :raises subprocess.CalledProcessError: it cannot be.
    """
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
