"""The faults, each with what it acts on played by a test."""
