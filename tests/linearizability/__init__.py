"""What clients saw, held against what the board promises.

A recorded history of calls goes through :mod:`.checker`, which trusts nothing but the clients' own notes: posts
return their ``seq``, so the order of a channel is forced, and the greedy real-time check is exact.  :mod:`.search`
is a small exhaustive search (Wing and Gong 1993, with Lowe's memo 2017) that cross-checks it on small histories.
"""
