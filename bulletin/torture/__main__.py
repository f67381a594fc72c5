"""The command; see the package."""

import sys

from bulletin.simulation.command_line import carry_out
from bulletin.torture.command import main

if __name__ == "__main__":
    sys.exit(carry_out(main))
