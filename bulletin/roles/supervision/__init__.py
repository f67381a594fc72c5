"""The whole board on one machine: every role a child process, watched, and started again when it dies.

::

    layout    which processes, with which ports and options          (values)
    policy    what to start and when, and what to say about it       (values in, values out)
    screen    the one page that is shown when the board runs         (text)
    processes spawns a child, keeps the end of what it said          (Twisted)
    probes    asks the children over HTTP how they are               (Twisted)
    logs      where this process and its children log                (Twisted)

:mod:`bulletin.roles.supervisor` puts them together.

Traps.

- A child's standard input is a pipe from here that nobody writes to: when this process dies, however it dies, the kernel
  closes it, and the child stops (:mod:`bulletin.roles.orphan`).  Twisted closes all other descriptors in the child, so
  that no child keeps another one's pipe open.
- Ctrl-C goes to all processes of a terminal's foreground group.  The children leave the group first of all; else they
  would stop before this process knows that it is stopping, and be started again.
- The terminal shows sentences alone; what Twisted logs goes to a file, whose size is bounded.
- The servers know each other by their ports: a data directory remembers what it was founded with.
"""
