"""Whether the board's containers are right, where there is no engine to run them.

``definition`` reads docker-compose.yml and the Dockerfile as an engine would, ``containers`` runs what they say in network
namespaces: each container with its own address, host name, read-only file system and user, without capabilities.
"""
