"""What an Airflow connection of type `ray` is read as."""

from __future__ import annotations

import pytest
from airflow.sdk import Connection

from tasks.operators.hook import RayConnection
from tasks.operators.provider import get_provider_info

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("http://ray:8265", None, "http://ray:8265"),
        ("http://ray:8265", 0, "http://ray:8265"),  # as Airflow's UI writes "no port"
        ("https://ray", 443, "https://ray:443"),
        ("ray", 8265, "http://ray:8265"),
    ],
)
def test_the_port_stands_in_the_address_or_beside_it(host: str, port: int | None, address: str):
    connection = Connection(conn_id="ray", conn_type="ray", host=host, port=port)
    assert RayConnection.of(connection).address == address


def test_the_form_asks_for_what_the_test_button_needs():
    (form,) = get_provider_info()["connection-types"]
    assert not {"host", "port", "password"} & set(form["ui-field-behaviour"]["hidden-fields"])
