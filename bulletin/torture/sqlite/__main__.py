"""Campaigns with real SQLite: ``python -m bulletin.torture.sqlite --minutes 5``; one seed again: ``--seed 17``."""

import sys

from bulletin.simulation.command_line import carry_out
from bulletin.torture.sqlite.command import main

if __name__ == "__main__":
    sys.exit(carry_out(main))
