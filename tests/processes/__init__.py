"""Real roles as real processes, while plain ZeroMQ clients, bots, people and strangers talk to them.

What breaks them at random is ``python -m bulletin.torture``.
"""
