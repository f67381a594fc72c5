"""Files in the user's state directory (XDG): lines not yet settled, where the reading stopped, what was typed.

Only their owner may read them (mode 0600, the directory 0700).  They belong to a user of a board, that is of its brokers'
endpoints.  A file that cannot be read is put aside under another name, never overwritten.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import attrs

from bulletin.core.board import rules
from bulletin.core.client.outbox import LINES_MAX, Line
from bulletin.core.errors import Refusal
from bulletin.core.limits import CLOCK_MAX, MIB
from bulletin.core.wire.requests import Publish, Send

FILE_BYTES_MAX: Final = 16 * MIB
"""A larger file was not written here: a hundred lines of 64 KiB, of which JSON at most doubles each byte."""

HISTORY_BYTES_MAX: Final = 256 * 1024
"""Of what was typed, so much is kept from one session to the next."""

CHANNELS_REMEMBERED: Final = 100
"""Channels of which it is remembered where the reading stopped."""

SCRATCH: Final = ".new-"
"""What the name of a file that is being written begins with."""

SCRATCH_SECONDS: Final = 86_400.0
"""Nothing is written for as long as a day: an older one is a killed process's."""

_DAMAGED: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError, Refusal)
"""What comes of reading a file that is not as it was written."""


def directory(environment: Mapping[str, str]) -> Path:
    """Where the files are: under ``XDG_STATE_HOME``, which is ``~/.local/state`` if it says nothing."""
    given = environment.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path("~/.local/state").expanduser()
    return base / "bulletin"


def key(user: str, brokers: Iterable[str]) -> str:
    """What tells the files of one user of one board from others."""
    return hashlib.sha256(json.dumps([user, sorted(brokers)]).encode()).hexdigest()[:16]


@attrs.frozen
class Seen:
    """Where the reading stopped.

    :param inbox: the number of the last private message, or None.
    :param channels: of the last post of each channel, the latest entered last.
    :param following: the channels that were followed, the current one last.
    """

    inbox: int | None = None
    channels: Mapping[str, int] = attrs.Factory(dict)
    following: tuple[str, ...] = ()


class State:
    """One user's files.

    :param folder: where they are; made when something is written.
    :param key_: see `key`.
    :param session: the caller's; a part of the name of this process's outbox.
    """

    def __init__(self, folder: Path, key_: str, session: str) -> None:
        self._folder = folder
        self._key = key_
        self._outbox = folder / f"outbox-{key_}-{session}.json"
        self._held: IO[bytes] | None = None
        self.aside: list[Path] = []
        """Outboxes in which there was something that could not be read, under the names that they have now."""

    def prepare_history(self) -> Path:
        """Make sure that what was typed can be appended to: the file is there, its owner's alone, and not long.

        :raises OSError: it is not.
        """
        self._make_folder()
        path = self._folder / f"history-{self._key}"
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
            os.fchmod(file.fileno(), 0o600)
            size = file.seek(0, os.SEEK_END)
            if size > HISTORY_BYTES_MAX:
                file.seek(size - HISTORY_BYTES_MAX // 2)
                kept = file.read()
                begin = kept.find(b"\n\n#") + 1
                file.seek(0)
                file.write(kept[begin:] if begin else b"")
                file.truncate()
        return path

    # Outboxes: each process has its own, locked while it runs; one that nobody holds is taken over.

    def adopt(self) -> list[Line]:
        """The lines that processes which are no more have left, the oldest first; from now on they are this one's.

        What would be too many is left for another start.  A file that is damaged is put aside; what can be read of it counts.

        :raises OSError: a file cannot be read or written.
        """
        self._clear_away()
        lines: dict[str, Line] = {}
        taken: list[tuple[Path, IO[bytes]]] = []
        try:
            for path in self._outboxes():
                file = _locked(path)
                if file is None:
                    continue
                taken.append((path, file))
                found, whole = _lines(file)
                if not whole:
                    self.aside += _put_aside(path)
                if len(lines) + len(found) > LINES_MAX:
                    taken.pop()[1].close()
                    break
                for line in found:
                    lines.setdefault(line.id, line)
            if lines:
                self.keep(lines.values())
            for path, _ in taken:
                path.unlink(missing_ok=True)
        finally:
            for _, file in taken:
                file.close()
        return list(lines.values())

    def keep(self, lines: Iterable[Line]) -> None:
        """Write down which lines are not settled, and wait for the disk.

        :raises OSError: it could not be written; what was written before is still there.
        """
        text = "".join(json.dumps(_record(line), ensure_ascii=False) + "\n" for line in lines)
        before = self._held
        if text:
            self._held = self._write(self._outbox, text)
        elif before is not None:
            self._outbox.unlink(missing_ok=True)
            self._held = None
        if before is not None:
            before.close()

    def close(self) -> None:
        """Let go of the outbox; it stays if there are lines in it."""
        if self._held is not None:
            self._held.close()
            self._held = None

    # Where the reading stopped

    def seen(self) -> Seen:
        """Where the reading stopped, as far as it is known."""
        path = self._folder / f"seen-{self._key}.json"
        try:
            with path.open("rb") as file:
                return _seen(json.loads(file.read(FILE_BYTES_MAX)))
        except OSError:
            return Seen()
        except _DAMAGED:
            _put_aside(path)
            return Seen()

    def remember(self, seen: Seen) -> None:
        """Write down where the reading stopped.

        :raises OSError: it could not be written.
        """
        channels = dict(list(seen.channels.items())[-CHANNELS_REMEMBERED:])
        text = json.dumps({"inbox": seen.inbox, "channels": channels, "following": seen.following})
        self._write(self._folder / f"seen-{self._key}.json", text).close()

    def _outboxes(self) -> list[Path]:
        found: list[tuple[float, str, Path]] = []
        for path in self._folder.glob(f"outbox-{self._key}-*.json"):
            with contextlib.suppress(FileNotFoundError):  # another process has taken it over
                found.append((path.stat().st_mtime, path.name, path))
        return [path for _, _, path in sorted(found)]

    def _clear_away(self) -> None:
        """Remove what processes have left that were killed as they wrote."""
        for path in self._folder.glob(f"{SCRATCH}*"):
            with contextlib.suppress(OSError):  # another process was faster, or it is somebody else's
                if time.time() - path.stat().st_mtime > SCRATCH_SECONDS:
                    path.unlink()

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _write(self, path: Path, text: str) -> IO[bytes]:
        """Replace a file, all or nothing; it is locked for as long as what is returned is open."""
        self._make_folder()
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=SCRATCH)  # mode 0600
        file = os.fdopen(descriptor, "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
            Path(name).replace(path)
            _sync_folder(self._folder)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            file.close()
            raise
        return file


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(path: Path) -> IO[bytes] | None:
    """An outbox that no process holds, open and locked; else None."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass  # another process has it, or has just taken it over
    file.close()
    return None


def _record(line: Line) -> dict[str, str]:
    request = line.request
    to = {"channel": request.channel} if isinstance(request, Publish) else {"receiver": request.receiver}
    return {"id": line.id, "user": request.user, **to, "message": request.message}


def _lines(file: IO[bytes]) -> tuple[list[Line], bool]:
    """What can be read of an outbox, and whether that is all that there is."""
    lines: list[Line] = []
    whole = True
    for each in file.read(FILE_BYTES_MAX).splitlines():
        try:
            lines.append(_line(json.loads(each)))
        except _DAMAGED:
            whole = False
    return lines, whole


def _line(record: dict[str, Any]) -> Line:
    user = rules.own_name(record["user"], "user")
    message = rules.message(record["message"], "message")
    id_ = rules.operation_id(record["id"])
    if "channel" in record:
        return Line(id_, Publish(user, rules.own_name(record["channel"], "channel"), message))
    return Line(id_, Send(user, rules.own_name(record["receiver"], "receiver"), message))


def _seen(record: dict[str, Any]) -> Seen:
    inbox = record["inbox"]
    channels = {rules.name(name, "channel"): _seq(seq) for name, seq in record["channels"].items()}
    following = tuple(rules.name(name, "channel") for name in record["following"])
    return Seen(None if inbox is None else _seq(inbox), channels, following[-CHANNELS_REMEMBERED:])


def _seq(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= CLOCK_MAX:
        raise ValueError(value)
    return value


def _put_aside(path: Path) -> list[Path]:
    """Give a file another name; the name, if that could be done."""
    aside = path.with_suffix(".unreadable")
    try:
        path.replace(aside)
    except OSError:
        return []
    return [aside]
