"""Airflow: four processes on SQLite. `airflow standalone` cannot be kept to loopback."""

from __future__ import annotations

import json
import shlex

from infra.local.home import PRIVATE_DIR
from infra.local.launch import Launch, module
from infra.local.parts import MIGRATION, Part
from infra.local.plan import DAGS_FOLDER, Plan
from infra.local.ports import LOOPBACK
from infra.local.variables import client_variables
from infra.local.vault import USERNAME

_COMMANDS: dict[str, tuple[str, ...]] = {
    # Their log servers listen on every interface; the files are read from disk instead.
    Part.SCHEDULER: ("scheduler", "--skip-serve-logs"),
    Part.TRIGGERER: ("triggerer", "--skip-serve-logs"),
    Part.DAG_PROCESSOR: ("dag-processor",),
    Part.API_SERVER: ("api-server",),
    MIGRATION: ("db", "migrate"),
}


def launch(plan: Plan, part: str) -> Launch:
    """How to start one of Airflow's processes."""
    plan.home.data("airflow").mkdir(exist_ok=True, mode=PRIVATE_DIR)
    return Launch(module("airflow", *_COMMANDS[part]), _variables(plan), {})


def _variables(plan: Plan) -> dict[str, str]:
    settings = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": value
        for section, options in (_settings(plan) | _pace()).items()
        for key, value in options.items()
    }
    return client_variables(plan) | settings | {"AIRFLOW_HOME": str(plan.home.data("airflow"))}


def _settings(plan: Plan) -> dict[str, dict[str, str]]:
    def by_file(name: str) -> str:
        # Read where it is used: a task that prints its environment tells no secret.
        return f"cat {shlex.quote(str(plan.vault.path(name)))}"

    folder = plan.home.data("airflow")
    return {
        "core": {
            "dags_folder": str(DAGS_FOLDER),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "executor": "LocalExecutor",
            "parallelism": "4",
            "test_connection": "Enabled",
            "fernet_key_cmd": by_file("airflow-fernet-key"),
            "simple_auth_manager_users": f"{USERNAME}:admin",
            "simple_auth_manager_passwords_file": str(plan.vault.airflow_passwords),
            "execution_api_server_url": f"{plan.airflow_url}/execution/",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{folder / 'airflow.db'}"},
        "logging": {
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
            "colored_console_log": "False",
            # A task's own output stays in the task's log, where secrets are masked.
            "namespace_levels": "supervisor=WARNING botocore.credentials=WARNING httpx=WARNING",
        },
        "api": {
            "host": LOOPBACK,
            "port": str(plan.state.ports["airflow"]),
            "base_url": plan.airflow_url,
            "workers": "1",
            "secret_key_cmd": by_file("airflow-api-secret"),
        },
        "api_auth": {"jwt_secret_cmd": by_file("airflow-jwt-secret")},
        "secrets": {
            "backend": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            "backend_kwargs": json.dumps(
                {"connections_file_path": str(plan.vault.airflow_connections)}
            ),
        },
        "usage_data_collection": {"enabled": "False"},
    }


def _pace() -> dict[str, dict[str, str]]:
    """Seconds between looks, for one machine with a handful of DAGs."""
    return {
        "scheduler": {
            "scheduler_idle_sleep_time": "0.5",
            "scheduler_heartbeat_sec": "2",
            # A task whose worker was killed is missed after as many seconds, and tasks whose
            # scheduler was killed are looked for so often; by default nothing moves for 300.
            "task_instance_heartbeat_timeout": "60",
            "orphaned_tasks_check_interval": "15",
        },
        "dag_processor": {"refresh_interval": "30", "min_file_process_interval": "30"},
        "triggerer": {"job_heartbeat_sec": "2"},
        # So long may a worker not see that its task has ended (5 by default). Until the scheduler
        # has heard of it, an answer to `approve`'s question is lost (Airflow's issue 67287).
        "workers": {"min_heartbeat_interval": "1"},
    }
