"""The campaign against real processes: its parts one by one, and a short, seeded share of the whole."""
