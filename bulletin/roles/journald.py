"""The log as systemd's journal takes it from standard output: a level before each line, and no time, which it has itself.

The units name it: ``twistd --logger=bulletin.roles.journald.observer``.  Then ``journalctl -p warning`` shows what needs somebody.
"""

import sys
from typing import Final

from twisted.logger import FileLogObserver, ILogObserver, LogEvent, LogLevel, eventAsText

PRIORITIES: Final = {
    LogLevel.debug: 7,
    LogLevel.info: 6,
    LogLevel.warn: 4,
    LogLevel.error: 3,
    LogLevel.critical: 2,
}
"""Syslog's numbers."""


def observer() -> ILogObserver:
    """What twistd's ``--logger`` names."""
    return FileLogObserver(sys.stdout, lines)


def lines(event: LogEvent) -> str:
    """An event's lines, a traceback's too, each with the event's level."""
    level = PRIORITIES.get(event.get("log_level", LogLevel.info), PRIORITIES[LogLevel.info])
    text = eventAsText(event, includeTimestamp=False, includeSystem=False)
    return "".join(f"<{level}>{line}\n" for line in text.splitlines() if line.strip())
