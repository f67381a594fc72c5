"""BulletInBoard: a distributed bulletin board on Twisted, ZeroMQ and Raft."""
