"""Every decoder of the package against any bytes: one table of targets, a corpus of small files, and who feeds them.

* ``targets.py``: what is decoded, what it may refuse with, and what must hold of whatever comes out.
* ``seeds.py``: one input of each kind that a target knows, in both dialects and encodings where there are two.  Their
  files, and those that a fuzzer found worth keeping, are ``corpus/TARGET/``.
* ``values.py``: values to be encoded and decoded again (hypothesis).
* ``python -m tests.fuzzing TARGET --seconds N`` (or ``--all``): coverage-guided, by atheris; an input that breaks
  something is written to a file, and ``python -m tests.fuzzing TARGET FILE`` feeds it again, with or without atheris.

A new decoder is a line in ``targets.py`` and a few inputs in ``seeds.py``; ``python -m tests.fuzzing --seeds`` writes their
files.
"""
