"""The sockets, on txZMQ: the only package that touches one.

::

      roles                    received(…)   turn_ended()      send_to / send / publish
                                    ▲             ▲                     │
      sockets.py, forwarding.py     │  a message's form, per socket     │   Outcome, Full
                                    │             │                     ▼
      connection.py            reads at most a turn's share      checks, sends all or nothing, keeps a bounded backlog
                                    ▲                                   │
      txZMQ, libzmq            one descriptor per socket, in Twisted's reactor

What is easily got wrong here, each with a test of its own:

- The descriptor is edge-triggered: after every touch from outside of reading, the socket is looked at once more.
- A turn of the reactor reads at most 64 messages, 1024 frames, 8 MiB of a socket: heartbeats and timers go on in a flood.
- ZeroMQ's high-water mark counts messages per peer, not bytes and not frames: `bounds` says what that comes to.  A message
  without an end, and long replies to a peer that does not read, are bounded by what the kernel counts: `accounts`, `guarded`.
- Options are set before the first endpoint; most have no effect on one that is there already.
- Names are looked up on I/O threads, which do nothing else meanwhile: `connection` has several.
- A failed bind closes its socket, or the context would wait for it at the end for ever.
- ZMTP's heartbeats stay off, and TCP looks for half-dead peers: libzmq 4.3.5 aborts the process in ``out_event`` when a ping is
  due, or an answer to one, on a connection that was reset while its messages wait behind the mark.
- The modules that name no socket (`endpoints`, `bounds`, `traffic`, `rate_limit`) import no txZMQ, since importing that
  installs the reactor: an options module may use them.
- ``XPUB_MANUAL`` does not bound what subscriptions cost: libzmq keeps each in a second trie before it asks.  So
  `forwarding` counts what each connection subscribed to, and cuts the one that goes too far.
"""
