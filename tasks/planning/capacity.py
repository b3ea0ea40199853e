"""Whether the cluster can ever give what an order asks for."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError
from pydantic.alias_generators import to_camel

from ray_jobs.contract.errors import CapacityError, ClusterError, CredentialError
from ray_jobs.contract.run import Resources
from tasks.planning.order import DEFAULT_WORKERS
from tasks.settings import Settings

Answer = TypeVar("Answer", bound=BaseModel)


class ClusterResources(NamedTuple):
    """What all live nodes have together; a cluster that `grows` may have more when asked."""

    cpus: float
    gpus: float
    grows: bool


def check(settings: Settings, resources: Resources) -> Resources:
    """Ask the cluster, and return the resources with a GPU a worker where the fewest find one.

    Raises:
      CapacityError: more workers than the cluster can ever give.
      ClusterError: the cluster is not named, not reachable, or answers with an error.
      CredentialError: the token is missing or refused.
    """
    cluster = read_cluster(settings)
    use_gpu = cluster.gpus >= resources.workers_min
    granted = resources.model_copy(update={"use_gpu": use_gpu})
    check_capacity(granted, cluster)
    return granted


def check_capacity(resources: Resources, cluster: ClusterResources) -> None:
    """Refuse the fewest workers that were asked for where even they find no place.

    A worker takes one CPU, and one GPU where it uses one.

    Raises:
      CapacityError: more workers than the cluster can ever give.
    """
    has = int(min(cluster.cpus, cluster.gpus) if resources.use_gpu else cluster.cpus)
    if cluster.grows or resources.workers_min <= has:
        return
    raise CapacityError(
        f"{resources.workers_min} workers are more than the cluster can ever give: "
        f"it has {cluster.cpus:g} CPUs and {cluster.gpus:g} GPUs",
        f"at most {has} workers",
        f"Pass --workers {max(has, 1)}, or add nodes",
    )


def trainings_at_once(cluster: ClusterResources, workers: int = DEFAULT_WORKERS) -> int:
    """How many trainings of `workers` workers find a place at once; at least one.

    A cluster that grows is counted as it is now.

    >>> trainings_at_once(ClusterResources(cpus=8, gpus=0, grows=False))
    4
    """
    use_gpu = cluster.gpus >= workers
    return max(1, int(min(cluster.cpus, cluster.gpus) if use_gpu else cluster.cpus) // workers)


def read_cluster(settings: Settings) -> ClusterResources:
    """The cluster's resources, from Ray's dashboard (Ray 2.60).

    Raises:
      ClusterError, CredentialError: as in `check`.
    """
    if settings.ray_address is None:
        raise ClusterError(
            "no Ray cluster is named",
            "the URL of its dashboard in SORTLINE_RAY_ADDRESS",
            "Run `sortline up`, or set the variable",
        )
    headers = _authorization(settings.ray_token_file)
    # The address is ours to choose; a proxy of the environment has no say in it.
    with httpx.Client(
        base_url=settings.ray_address, headers=headers, timeout=15, trust_env=False
    ) as client:
        nodes = _get(client, "/api/v0/nodes", _Nodes).data.result.result
        status = _get(client, "/api/cluster_status", _Status).data.cluster_status
    alive = [node.resources_total for node in nodes if node.state == "ALIVE"]
    return ClusterResources(
        cpus=sum(node.get("CPU", 0) for node in alive),
        gpus=sum(node.get("GPU", 0) for node in alive),
        grows=_grows(status),
    )


class _Node(BaseModel):
    state: str
    resources_total: dict[str, float] = Field(default_factory=dict[str, float])


class _NodeList(BaseModel):
    result: list[_Node]


class _NodeData(BaseModel):
    result: _NodeList


class _Nodes(BaseModel):
    data: _NodeData


class _Camel(BaseModel, alias_generator=to_camel): ...


class _AutoscalerReport(_Camel):
    node_type_mapping: dict[str, str] | None = None


class _ClusterStatus(_Camel):
    autoscaler_report: _AutoscalerReport | None = None


class _StatusData(_Camel):
    cluster_status: _ClusterStatus | None = None


class _Status(BaseModel):
    data: _StatusData


def _grows(status: _ClusterStatus | None) -> bool:
    """Whether an autoscaler may add nodes; how many it may add, the dashboard does not say.

    A cluster without one has Ray's read-only autoscaler, which calls each node's type
    `node_<node id>`; the second autoscaler leaves no status at all.
    """
    if status is None or status.autoscaler_report is None:
        return True
    types = status.autoscaler_report.node_type_mapping or {}
    return any(kind != f"node_{node_id}" for node_id, kind in types.items())


def _authorization(token_file: Path | None) -> dict[str, str]:
    if token_file is None:
        return {}
    try:
        return {"Authorization": f"Bearer {token_file.read_text().strip()}"}
    except OSError as error:
        raise CredentialError(
            f"Ray's token cannot be read: {error}",
            "a readable file at SORTLINE_RAY_TOKEN_FILE",
            "Run `sortline up`, or correct the variable",
        ) from error


def _get(client: httpx.Client, path: str, kind: type[Answer]) -> Answer:
    try:
        answer = client.get(path)
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise CredentialError(
                f"Ray at {client.base_url} refuses the token (HTTP {answer.status_code})",
                "the token that the cluster was started with",
                "Correct the file that SORTLINE_RAY_TOKEN_FILE names",
            )
        return kind.model_validate_json(answer.raise_for_status().content)
    except (httpx.HTTPError, ValidationError) as error:
        fact = str(error).splitlines()[0]
        raise ClusterError(
            f"Ray at {client.base_url} does not answer as it should: {fact}",
            "a Ray dashboard, up and reachable",
            "Run `sortline status`, then `sortline up`",
        ) from error
