"""The roles with their sockets, disks and clocks on: read this package to understand a deployment.

::

    twistd ── options (options.py) ──► makeService ──► a Role (role.py): a Twisted service

      startService   Transport, sockets, timers, the web page        nothing is opened before: twistd may fork in between
      …              sockets ─► a value machine of the core ─► sockets
      stopService    drain (bounded), close, Transport.shutdown      within 5 s, exit status 0

- A module with options is imported before the reactor is chosen: it imports txZMQ only in functions.
- A mistake of the user is one line on stderr and a status above 0; listening endpoints are tried out while the options are read.
- A timer's or a socket's exception is logged, with restraint, and the role goes on.
"""
