"""A whole cluster in one process, driven by one seed: the same seed is the same run, event by event.

==================  ==========================================================================
``time.py``         simulated time: a heap of events
``network.py``      messages delayed, lost, doubled, reordered, cut off
``disk.py``         a disk that syncs late, stalls, and forgets at a crash what was not synced
``server.py``       one server: a node behind its port, its disk, a small replicated state
``workload.py``     clients that propose and pass barriers at any server
``faults.py``       which faults a seed draws, and when they strike
``cluster.py``      all of it, and the two phases: faults, then healing
``checkers/``       what must hold, one promise a file, checked after every event
``clocks.py``       the physical clocks, in a world of their own
``__main__.py``     campaigns: ``python -m tests.simulation --seeds 0:1000``
==================  ==========================================================================

The nodes are the shipped ones.  A failing seed prints the line that replays it.
"""
