"""A campaign against a real board: real processes under load, in bad luck, held to what docs/guarantees.md promises.

::

    command.py    options, namespaces, the line of figures
       │
    campaign.py ── a board (board.py) on hosts (network.py), each role a process
       │  ├──────── load.py      writer.py, reader.py, registrar.py, follower.py  ──► record.py
       │  ├──────── storm.py     faults/ at random from a seed; a supervisor's work
       │  ├──────── watch.py     digests, leaders, memory, once a second
       │  └──────── pulse.py     whether the machine itself keeps up
       ▼
    verdict.py: bulletin.linearizability on the record, shelves.py and receipts.py on the disks, the logs

``abilities.py`` finds out what this machine can do; the command starts itself again in namespaces for network, mounts and
processes, so that whatever a campaign makes or leaves behind ends with it, however it ends.  ``lag.py`` is a slow link,
``flood.py`` a flood, each a process; ``disk.c`` is preloaded into servers and makes their disks misbehave.  ``calls.py`` is a
plain ZeroMQ client, ``waiting.py`` waits for conditions.  ``sqlite`` is another thing: a tier of the simulation, which needs
storage, and so stands here.

What everything rests on:

- *Nobody trusts the board.*  Clients write down what they called and were told; checkers get that and what can be read back.
- *No more at once than the board is said to stand*, or nothing could be held against it; except the faults that stop all, after
  which nothing may be lost.
- *A seed decides what comes, not what follows from it.*  Real processes and a busy machine are not repeatable: a seed that
  failed may pass the next time.  What must be found again belongs in :mod:`bulletin.simulation`.
- *What an operator would do is done*: roles that end are started again, directories that are refused are put back.

Traps:

- A packet that is cut one way takes the acknowledgements of the other way's packets with it: TCP stands still in both
  directions soon.
- An error that a client sees is judged by the time in which some fault explains it; or the machine, where a small synced write of
  this program's own took longer than an election.
- Most faults excuse errors and not delays: a refusal has to come in time.  A client that sends again before its time is up may
  never hear a refusal, since it left the socket on which that came; what takes effect, it hears.
"""
