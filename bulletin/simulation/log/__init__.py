"""The log tier: Raft nodes behind their ports, with a digest in place of a board, hence ten times as fast as a whole one.

::

    disk       a disk that syncs late, stalls, and forgets at a crash what was not synced
    server     one server: a node behind its port, its disk, a small replicated state
    workload   clients that propose and pass barriers at any server
    answers    holds what clients were told against the committed log
    faults     which faults a seed draws, and when they strike
    cluster    all of it, and the two phases: faults, then healing
    mutants    planted bugs, each of which must be caught

Campaigns: ``python -m bulletin.simulation.log --seeds 0:1000``.  A failing seed prints the line that replays it.
"""
