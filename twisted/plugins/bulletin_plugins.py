"""The commands that twistd gets from this package: names only, nothing is imported until one is run."""

from twisted.application.service import ServiceMaker

board = ServiceMaker(
    "BulletInBoard, all of it",
    "bulletin.roles.supervisor",
    "A whole bulletin board on one machine: broker, proxy, reference and servers, each a process.",
    "bulletin-board",
)
broker = ServiceMaker(
    "BulletInBoard broker",
    "bulletin.roles.broker",
    "Takes clients' requests and hands them to the servers in turn.",
    "bulletin-broker",
)
proxy = ServiceMaker(
    "BulletInBoard proxy",
    "bulletin.roles.proxy",
    "Carries what the servers publish to every subscriber.",
    "bulletin-proxy",
)
reference = ServiceMaker(
    "BulletInBoard reference",
    "bulletin.roles.reference",
    "Gives the servers their ranks and hears their heartbeats.",
    "bulletin-reference",
)
server = ServiceMaker(
    "BulletInBoard server",
    "bulletin.roles.server",
    "Keeps the history, processes requests, replicates with its fellow servers.",
    "bulletin-server",
)
client = ServiceMaker(
    "BulletInBoard client",
    "bulletin.roles.client",
    "Logs in, lists, publishes, reads.  Stays in the foreground.",
    "bulletin-client",
)
bot = ServiceMaker(
    "BulletInBoard bot",
    "bulletin.roles.bot",
    "Keeps a board busy: it writes at a steady rate and reads what others write.",
    "bulletin-bot",
)
