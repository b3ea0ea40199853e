"""Ray: one head on loopback, with a token."""

from __future__ import annotations

import os
import shutil

from infra.local.home import PRIVATE_DIR, Home
from infra.local.launch import Launch, module
from infra.local.parts import Part
from infra.local.plan import Plan
from infra.local.ports import LOOPBACK
from infra.local.variables import object_store_variables

# Two workers train together even where there is one core.
LEAST_CPUS = 2


def launch(plan: Plan) -> Launch:
    """How to start the head."""
    clear_session(plan.home)
    (plan.home.run / "ray").mkdir(mode=PRIVATE_DIR)
    arguments = ["start", "--head", "--block", "--disable-usage-stats", *_flags(plan)]
    return Launch(module("ray.scripts.scripts", *arguments), _variables(plan), {})


def clear_session(home: Home) -> None:
    """Remove the files of the last session, but keep its logs: each job's output is there."""
    folder = home.run / "ray"
    last = folder / "session_latest" / "logs"
    if last.exists():
        kept = home.logs / "ray-session"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(last.resolve(), kept)
    shutil.rmtree(folder, ignore_errors=True)


def _flags(plan: Plan) -> list[str]:
    ports = plan.state.ports
    spill = plan.home.data(Part.RAY) / "spill"
    spill.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIR)
    return [
        f"--num-cpus={max(LEAST_CPUS, os.cpu_count() or 1)}",
        f"--node-ip-address={LOOPBACK}",
        f"--dashboard-host={LOOPBACK}",
        f"--temp-dir={plan.home.short_run / 'ray'}",
        f"--object-spilling-directory={spill}",
        f"--port={ports['gcs']}",
        f"--dashboard-port={ports['dashboard']}",
        f"--ray-client-server-port={ports['client']}",
        f"--node-manager-port={ports['node_manager']}",
        f"--object-manager-port={ports['object_manager']}",
        f"--dashboard-agent-listen-port={ports['agent_http']}",
        f"--dashboard-agent-grpc-port={ports['agent_grpc']}",
        f"--runtime-env-agent-port={ports['runtime_env_agent']}",
        f"--metrics-export-port={ports['metrics']}",
        # Workers take whatever port is free: a fixed range could cross another stack's.
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--log-color=false",
    ]


def _variables(plan: Plan) -> dict[str, str]:
    ports = plan.state.ports
    store = object_store_variables(plan, plan.ray_aws_credentials)
    return store | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(plan.vault.ray_token),
        # Otherwise Ray rewrites 127.0.0.1 to the machine's address and binds every interface.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        # What asks Ray for "the" cluster of this machine would find another head's, if it is newer.
        "RAY_ADDRESS": f"{LOOPBACK}:{ports['gcs']}",
        # A detached actor of Ray Train would keep the drain waiting for half a minute.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        # Seconds between looks at the workers; the default of 2 adds 3.5 s to every training.
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.25",
        "AUTOSCALER_METRIC_PORT": str(ports["autoscaler_metrics"]),
        "DASHBOARD_METRIC_PORT": str(ports["dashboard_metrics"]),
    }
