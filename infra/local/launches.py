"""How to start each part."""

from __future__ import annotations

from infra.local import airflow_parts, mlflow_server, ray_head, seaweedfs
from infra.local.launch import Launch
from infra.local.parts import Part
from infra.local.plan import Plan


def launch_of(plan: Plan, part: str) -> Launch:
    """The command, variables and secrets of a part, its folders made."""
    makers = {
        Part.SEAWEEDFS: seaweedfs.launch,
        Part.RAY: ray_head.launch,
        Part.MLFLOW: mlflow_server.launch,
    }
    if part in makers:
        return makers[Part(part)](plan)
    return airflow_parts.launch(plan, part)
