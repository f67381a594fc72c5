"""Where this process and its children log: a file whose size is bounded, named by an environment variable."""

import os
from typing import Final

from twisted.logger import ILogObserver, textFileLogObserver
from twisted.python.logfile import LogFile

VARIABLE: Final = "BULLETIN_LOG_FILE"

FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes after which a log file is turned over."""

OLD_FILES_MAX: Final = 4
"""Older files that are kept beside it: ``NAME.log.1`` is the last one."""


def observer() -> ILogObserver:
    """What twistd's ``--logger`` names.

    :raises KeyError: the variable is not set.
    """
    file = LogFile.fromFullPath(
        os.environ[VARIABLE], rotateLength=FILE_BYTES_MAX, maxRotatedFiles=OLD_FILES_MAX
    )
    return textFileLogObserver(file)
