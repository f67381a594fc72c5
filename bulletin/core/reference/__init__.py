"""The reference without its socket and disk: ranks, who is alive, and the founding of the cluster.

::

    request ──▶ Coordinator ──▶ Ranks      name → rank, unique, the same for ever
                   │      ├───▶ Liveness   registrations, heartbeats, three seconds of patience
                   │      └───▶ Rounds     probes, the average of all clocks, adjustments
                   ▼
            Save(Record) ──▶ disk ──▶ stored() ──▶ the replies that waited for it

It takes no part in ordering: the servers need it to be founded, to find out who else is alive, and for the board's
time.  It may be down for as long as it likes.

Founding.  A cluster is founded once in the life of a board, of servers with empty disks, and of exactly as many as they
expect.  What makes two clusters impossible is not this package alone: an empty server does nothing until it holds a
document that names its member id, and a document is durable here before the first server hears of it.  A reference
that lost its disk could found a second one only of a full set of empty servers; as long as one server with data can
be heard, it cannot: a heartbeat with a cluster id is enough, and is remembered on the disk.

Traps.

- A reply that tells anything durable waits for the sync of what it tells, and of everything before it: a second asker
  for the same name must not hear a rank sooner than the first.  Nothing about the clocks ever waits: their round trips are measured.
- Ranks are by name, membership is by member id.  An empty disk under a member's name gets the name's rank, and is no
  member.
- When a document is learnt, its ranks win over those that were given meanwhile; whoever lost its rank is told
  ``unknown`` at its next heartbeat, and asks again.
- A server that registers is counted for a founding only after its first heartbeat: one that dies as it starts is none.
"""
