"""The log tier's seeds and planted bugs."""
