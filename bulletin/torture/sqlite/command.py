"""``python -m bulletin.torture.sqlite``: the simulation's campaigns, on this tier."""

import sys
from typing import Final

from bulletin.simulation.__main__ import main as run_campaign
from bulletin.torture.sqlite.world import SQLITE_TIER

PROGRAM: Final = "python -m bulletin.torture.sqlite"


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign, of two minutes where nothing is asked for; the exit status as the simulation's."""
    asked = sys.argv[1:] if arguments is None else arguments
    return run_campaign(asked or ["--minutes", "2"], PROGRAM, {SQLITE_TIER.name: SQLITE_TIER})
