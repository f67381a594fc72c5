"""The tier ``sqlite``: the board of the tier ``board``, with real SQLite under its servers, from the same seeds.

::

    bulletin.simulation.board    clients, brokers, network, clocks, faults, checkers    ── as in the board tier
        server.py                a server whose store is a
        twin.py                      SqliteStore, held against a MemoryStore that is given the same
            SqliteStore, writer, reader, SQLite                                         ── what ships, step by step
                bulletin.storage.simulated_disk                                         ── bytes, synced or not

What it adds to the board tier: the shipped store, down to the bytes.

- *Power cuts at any operation* of a disk, also within a start, leave any part of what was not synced (``faults.py``); syncs
  and writes fail, disks fill up.
- *The twin.*  Each server's SQLite is held against a memory store: what was acknowledged is in both, and after a crash
  SQLite has what the memory store would have after some beginning of what was under way, and nothing else.  So the
  checkers of the board tier, which look at the memory store's disk, look at what SQLite keeps.
- *Damage*: at random moments a server's disk is copied, spoilt in one of many ways (``damage.py``), and started: what is
  read from it is right, or the damage is noticed.

``python -m bulletin.torture.sqlite --minutes 5`` runs it; a failing seed prints how to run it again.
"""
