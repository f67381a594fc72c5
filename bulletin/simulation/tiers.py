"""The tiers that a campaign can run, by their names."""

from typing import Final

from bulletin.simulation.board import BOARD_TIER
from bulletin.simulation.log import LOG_TIER
from bulletin.simulation.tier import Tier

TIERS: Final[dict[str, Tier]] = {tier.name: tier for tier in (LOG_TIER, BOARD_TIER)}


def register(tier: Tier) -> None:
    """Have campaigns know a tier that stands above this package."""
    TIERS[tier.name] = tier
