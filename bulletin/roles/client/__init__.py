"""``bulletin-client``: one command a process, for people and for scripts.

::

    twistd bulletin-client [options] COMMAND [options] ARGUMENT…

    options.py   the command line; every mistake is one line and status 2
    help.py      --help in the person's language; how sentences get into it, see bulletin/language.py
    show.py      how it says it: for a person, or one JSON object a line
    commands.py  a coroutine per command
    link.py      sockets around a Caller and a Reader, for this and other roles that are clients
    service.py   the process of a command
    process.py   foreground, standard output, exit status
    interactive/ a session to type in

- Unlike the other roles it stays in the foreground without ``-n``, and leaves neither pid file nor log: it sets
  twistd's own options, which are read after its own.  ``twistd --logfile FILE`` has it write its log there.
- twistd makes ``sys.stdout`` a part of the log.  Output goes to the real one.
- Other people's texts never reach a terminal as they are: see `show.harmless`.
- Exit status: 0 done, 1 an ``erro`` reply (its sentence on stderr), 2 wrong usage, 3 no answer in time, 130 interrupted.
"""

from bulletin.roles.client.options import Options
from bulletin.roles.client.process import makeService

__all__ = ["Options", "makeService"]
