"""The tiers that a campaign can run, by their names."""

from collections.abc import Mapping
from typing import Final

from bulletin.simulation.board import BOARD_TIER
from bulletin.simulation.log import LOG_TIER
from bulletin.simulation.tier import Tier

TIERS: Final[Mapping[str, Tier]] = {tier.name: tier for tier in (LOG_TIER, BOARD_TIER)}
