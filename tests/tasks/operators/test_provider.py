"""What Airflow itself makes of the connection type `ray`."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.operators.provider import get_provider_info

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]

ASK = """
import json
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
hook = manager.hooks["ray"]
print("ANSWER", json.dumps({
    "provider": "sortline" in manager.providers,
    "hook": [hook.hook_class_name, hook.hook_name, hook.connection_id_attribute_name],
    "testable": hook.connection_testable,
    "behaviour": manager.field_behaviours["ray"],
    "widgets": sorted(key for key in manager.connection_form_widgets if "ray__" in key),
}))
"""


def test_the_provider_is_valid_by_airflows_own_schema():
    import airflow
    import jsonschema

    schema = json.loads(Path(airflow.__file__).with_name("provider_info.schema.json").read_text())
    jsonschema.Draft7Validator(schema).validate(get_provider_info())
    # A field of a form is a JSON schema itself.
    (said,) = get_provider_info()["connection-types"]
    for field in said["conn-fields"].values():
        jsonschema.Draft7Validator.check_schema(field["schema"])


def test_the_entry_point_leads_to_the_provider():
    points = importlib.metadata.entry_points(group="apache_airflow_provider")
    found = [point.load() for point in points if point.value.startswith("tasks.operators.")]
    assert found == [get_provider_info], (
        "the environment is older than pyproject.toml: rm .venv/.synced && make setup"
    )


@pytest.fixture(scope="module")
def airflow_says(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the providers manager of an Airflow process has learnt."""
    home = str(tmp_path_factory.mktemp("airflow"))
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | {"AIRFLOW_HOME": home},
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert answers, done.stderr
    return json.loads(answers[-1].removeprefix("ANSWER "))


def test_airflow_lists_the_connection_type_with_a_test_button(airflow_says: dict[str, Any]):
    assert airflow_says["provider"]
    assert airflow_says["hook"] == ["tasks.operators.hook.RayHook", "Ray", "ray_conn_id"]
    assert airflow_says["testable"]


def test_airflow_takes_the_fields_of_the_form_as_they_are_told(airflow_says: dict[str, Any]):
    (said,) = get_provider_info()["connection-types"]
    told = said["ui-field-behaviour"]
    behaviour = airflow_says["behaviour"]
    assert behaviour["hidden_fields"] == told["hidden-fields"]
    assert behaviour["relabeling"] == told["relabeling"]
    # Airflow names the placeholders of extra fields after their type; ours are plain fields.
    assert behaviour["placeholders"] == told["placeholders"]
    assert airflow_says["widgets"] == sorted(f"extra__ray__{name}" for name in said["conn-fields"])


def test_every_extra_field_is_one_that_the_hook_reads():
    from airflow.sdk import Connection

    from tasks.operators.hook import RayConnection

    (said,) = get_provider_info()["connection-types"]
    extra = {
        "verify": False,
        "ca_bundle": "/ca.pem",
        "headers": {"X-Tenant": "a"},
        "dashboard_url": "https://people",
    }
    assert set(said["conn-fields"]) == set(extra)
    read = RayConnection.of(Connection(conn_id="r", conn_type="ray", extra=json.dumps(extra)))
    assert (read.verify, read.ca_bundle) == (False, "/ca.pem")
    assert (read.headers, read.dashboard_url) == ({"X-Tenant": "a"}, "https://people")


def test_importing_the_provider_imports_no_airflow():
    """Airflow reads it while it starts: it must cost nothing."""
    code = "import sys, tasks.operators.provider; print('airflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
