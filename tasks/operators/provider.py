"""What Airflow learns of this integration without importing it (entry point in pyproject)."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The connection type `ray` with its form, for Airflow's providers manager."""
    return {
        "package-name": "sortline",
        "name": "Ray",
        "description": "Ray jobs from Airflow: submitted once, waited for deferred.",
        "connection-types": [
            {
                "connection-type": "ray",
                "hook-class-name": "tasks.operators.hook.RayHook",
                "hook-name": "Ray",
                # The port is asked for: where none is stored, Airflow 3.3.2's page of connections
                # tests port 0, which its server refuses as another destination.
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login"],
                    "relabeling": {"host": "Dashboard address", "password": "Token"},
                    "placeholders": {
                        "host": "https://ray.example",
                        "port": "8265",
                        "password": "what RAY_AUTH_TOKEN holds on the cluster",
                    },
                },
                "conn-fields": {
                    "verify": {
                        "label": "Verify TLS",
                        "description": "Check the dashboard's certificate.",
                        "schema": {"type": ["boolean", "null"], "default": True},
                    },
                    "ca_bundle": {
                        "label": "CA bundle",
                        "description": "Path of a PEM file that signs the certificate.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "headers": {
                        "label": "Headers",
                        "description": "Sent with each request, for a proxy in front of Ray: "
                        '{"X-Tenant": "sorting"}.',
                        "schema": {"type": ["object", "null"]},
                    },
                    "dashboard_url": {
                        "label": "Dashboard address for people",
                        "description": "Where links lead, if a browser needs another address.",
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
        "operators": [{"integration-name": "Ray", "python-modules": ["tasks.operators.operator"]}],
        "integrations": [{"integration-name": "Ray", "tags": ["service"]}],
    }
