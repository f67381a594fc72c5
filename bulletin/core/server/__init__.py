"""The server without sockets and disk: where requests, the log and the board meet.

::

                         brokers            reference          fellow servers
                            │                   │                    │
    Replica       ┌─────────▼──────────┐  ┌─────▼─────┐        ┌─────▼────┐
                  │ Brokers  Admission │  │ Formation │        │  Peers   │
                  │                    │  │Timekeeping│        │          │
                  └─────────┬──────────┘  └─────┬─────┘        └─────┬────┘
                            │ Admitted          │ founded            │ messages
    Member        ┌─────────▼──────────┐        │            ┌───────▼──────────┐
                  │ Proposals  Queries ├────────┴────────────► RaftLogPort, Node ├──► persist, fetches
                  └─────────▲──────────┘  operations,        └───────┬──────────┘
                            │             barriers                   │ Committed
                            │ who waits?        ┌────────────────────▼─┐
                            └───────────────────┤        Board         ├──► rows
                                                └─────────┬────────────┘
                                                      Publisher ──► posts, beacons, elections

``admission`` makes a command or a query of a request's bytes; ``proposals`` and ``queries`` keep who waits for what;
``member`` takes a turn through node and board, ``applying`` a bounded part of what was delivered; ``answers`` writes replies, ``brokers`` knows sessions and heartbeats;
``formation`` asks the reference for a cluster, ``addresses`` knows where its members are now, ``timekeeping`` answers
for the clock in its rounds; ``readiness`` says when a start has caught up, ``room`` what becomes of a server whose disk is full, ``impediments`` what
keeps one from taking requests; ``replica`` is the one
object that a shell talks to, and ``work`` what it gets back; ``executor`` stands between them, and is told what comes in as bytes.

What came in within one turn of the shell goes on as one: one batch for the log, one barrier for all reads, one write
for the disk, one frame to each fellow, one message to each broker.

Traps:

- **Definite or not.**  A refusal for want of a leader, of time or of room is definite only on a request's first
  attempt, and only while its operation never left this server.
- **The answer does not wait for the tables.**  A committed entry is on a majority's disks; only a page of history,
  which is read from the tables, waits until they have come as far.  Rows are written with the next entries.
- **A turn is bounded**: thousands of operations delivered at once, or many long lists, take several turns, so that
  heartbeats go on.  ``Work.more`` asks for the next one.
- **Standing still.**  Every input looks at the clock first: requests that waited in the sockets while this process
  was stopped belong to a session that the brokers have given up.
- **Who is wrong** where digests differ is decided by a majority, or two servers would stop for the fault of one.
"""
