"""One node of a Ray cluster on loopback: `python -m tests.e2e.ray_node PARAMETERS`.

`ray start` knows no second node there: where it leaves 127.0.0.1 as it is, it refuses to join a
cluster. Ray's own tests start nodes as this does, by a class that Ray keeps to itself.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from ray._private.node import Node
from ray._private.parameter import RayParams

READY_FILE = "ready"


def main(parameters: str) -> int:
    """Run until told to end, or until a part of the node has died; then the others end too."""
    given = json.loads(parameters)
    node = Node(RayParams(**given), head="gcs_address" not in given)
    (Path(given["temp_dir"]) / READY_FILE).touch()
    while not node.dead_processes():
        time.sleep(0.1)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
