"""Real roles as real processes: killed, paused, restarted, while plain ZeroMQ clients talk to them.

``python -m tests.processes.torture --help`` runs any of these at length.
"""
