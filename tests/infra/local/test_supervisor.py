"""supervisord: what its configuration says, and that it keeps a part alive."""

from __future__ import annotations

import configparser
import stat
from pathlib import Path

from infra.local.home import Home
from infra.local.parts import Part
from infra.local.supervisor import Supervisor
from infra.local.supervisor_conf import render


def parsed(text: str) -> configparser.RawConfigParser:
    made = configparser.RawConfigParser()
    made.read_string(text)
    return made


def test_its_only_door_is_a_private_socket_of_the_home(tmp_path: Path):
    home = Home(tmp_path)
    configuration = parsed(render(home, list(Part)))

    assert configuration["unix_http_server"]["file"] == str(home.supervisor_socket)
    assert configuration["unix_http_server"]["chmod"] == "0600"
    assert "inet_http_server" not in configuration
    assert configuration["supervisord"]["umask"] == "077"


def test_every_part_is_restarted_and_logs_to_its_own_rotated_file(tmp_path: Path):
    configuration = parsed(render(Home(tmp_path), list(Part)))

    for part in Part:
        program = configuration[f"program:{part}"]
        assert program["command"].endswith(f'"-m" "infra.local.part" "{part}"')
        assert program["autorestart"] == "true"
        assert program["autostart"] == "false"
        assert program["stdout_logfile"] == str(tmp_path / "logs" / f"{part}.log")
        assert int(program["stdout_logfile_maxbytes"]) * 3 <= 100_000_000


def test_an_external_part_is_not_known_to_it(tmp_path: Path):
    configuration = parsed(render(Home(tmp_path), [Part.RAY]))

    assert [name for name in configuration.sections() if name.startswith("program")] == [
        "program:ray"
    ]


def test_no_supervisord_means_no_processes(tmp_path: Path):
    supervisor = Supervisor(Home(tmp_path))

    assert supervisor.processes() == {}
    assert not supervisor.is_up()
    supervisor.stop(timeout_s=0)


def test_it_starts_in_a_home_and_goes_when_it_is_told(tmp_path: Path):
    home = Home(tmp_path / "home")
    home.make()
    supervisor = Supervisor(home)
    try:
        supervisor.start([Part.MLFLOW], {"PATH": "/usr/bin:/bin"})
        states = {name: process.state for name, process in supervisor.processes().items()}
        mode = stat.S_IMODE(home.supervisor_socket.stat().st_mode)
    finally:
        supervisor.stop(timeout_s=1)
        home.remove_short_run()

    assert states == {"mlflow": "STOPPED"}
    assert mode == 0o600
