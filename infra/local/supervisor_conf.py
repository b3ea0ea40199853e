"""What supervisord reads: a program a part; no secret, no address."""

from __future__ import annotations

from collections.abc import Iterable

from infra.local.environment import PART_MARK
from infra.local.home import Home
from infra.local.launch import module
from infra.local.parts import Part

NAME = "supervisord"
_LOG_BYTES = 10_000_000
_LOG_BACKUPS = 2
# Seconds that a part has for an orderly end, before it is killed with its group.
# SeaweedFS ends in 2 to 3 s, now and then never (it is written to survive a kill); the others
# keep their state in SQLite's write-ahead log, which a kill does not harm either.
_STOP_S = 6
# A process that ends earlier counts as one that did not start: supervisord then waits 1, 2, 3 ...
# seconds between tries, and gives up after the last.
_START_S = 10
_START_TRIES = 10


def render(home: Home, parts: Iterable[Part]) -> str:
    """`supervisord.conf`: no secret, no address."""
    sections = [_head(home), *(_program(home, part) for part in parts)]
    return "\n".join(sections)


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def _head(home: Home) -> str:
    return f"""\
[supervisord]
nodaemon=false
umask=077
logfile={_escaped(home.log_of(NAME))}
logfile_maxbytes={_LOG_BYTES}
logfile_backups={_LOG_BACKUPS}
pidfile={_escaped(home.run / "supervisord.pid")}
childlogdir={_escaped(home.logs)}
strip_ansi=true

[unix_http_server]
file={_escaped(home.supervisor_socket)}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _program(home: Home, part: Part) -> str:
    command = " ".join(f'"{word}"' for word in module("infra.local.part", part))
    return f"""\
[program:{part}]
command={_escaped(command)}
environment={PART_MARK}="{part}"
autostart=false
autorestart=true
startsecs={_START_S}
startretries={_START_TRIES}
stopsignal=TERM
stopwaitsecs={_STOP_S}
killasgroup=true
redirect_stderr=true
stdout_logfile={_escaped(home.log_of(part))}
stdout_logfile_maxbytes={_LOG_BYTES}
stdout_logfile_backups={_LOG_BACKUPS}
"""
