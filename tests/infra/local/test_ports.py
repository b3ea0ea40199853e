"""Which ports are taken, and what stands in for a busy one."""

from __future__ import annotations

import socket

import pytest

from infra.local.ports import DEFAULT_PORTS, Move, choose, claims, is_free
from ray_jobs.contract.errors import ClusterError


def everything_free(_: int) -> bool:
    return True


def test_the_usual_ports_are_taken_where_they_are_free():
    ports, moves = choose(DEFAULT_PORTS, everything_free)

    assert (ports["s3"], ports["dashboard"], ports["mlflow"], ports["airflow"]) == (
        8333,
        8265,
        5000,
        8080,
    )
    assert moves == []


def test_the_default_ports_do_not_cross():
    numbers = [
        number
        for names in DEFAULT_PORTS.values()
        for name, port in names.items()
        for number in claims(name, port)
    ]

    assert len(numbers) == len(set(numbers))
    assert max(numbers) < 32_768  # above, Linux gives them to whoever dials out


def test_a_busy_port_moves_up_by_hundreds_and_is_told():
    ports, moves = choose({"seaweedfs": {"s3": 8333}}, lambda port: port not in {8333, 8433})

    assert ports == {"s3": 8533}
    assert moves == [Move("seaweedfs", 8333, 8533)]


def test_no_port_is_given_twice():
    wanted = {"a": {"one": 7000, "two": 7000}}

    assert choose(wanted, everything_free)[0] == {"one": 7000, "two": 7100}


def test_the_admin_port_moves_if_only_its_shadow_is_busy():
    ports, _ = choose({"seaweedfs": {"admin": 13646}}, lambda port: port != 23646)

    assert ports == {"admin": 13746}


def test_no_free_port_is_an_error_of_the_platform():
    with pytest.raises(ClusterError, match=r"port 5000 is busy.*expected a free port.*ss -ltnp"):
        choose({"mlflow": {"mlflow": 5000}}, lambda _: False)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_is_busy_if_somebody_listens_on_loopback_or_everywhere(address: str):
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_a_connection_that_fades_away_does_not_make_a_port_busy():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()  # the side that closes first keeps the port in TIME_WAIT
            assert client.recv(1) == b""

    assert is_free(port)
