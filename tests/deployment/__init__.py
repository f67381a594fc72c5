"""Whether the board's containers and its units for systemd are right, where there is neither an engine nor systemd to run them.

``definition`` reads docker-compose.yml and the Dockerfile as an engine would, ``containers`` runs what they say in network
namespaces: each container with its own address, host name, read-only file system and user, without capabilities.
``units`` reads deploy/systemd as systemd would.
"""
