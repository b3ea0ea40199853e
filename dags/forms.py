"""The forms of the DAGs: what a person may say at a trigger, typed.

The JSON schema of a parameter refuses a wrong value at once (HTTP 400); what it cannot say, and
unknown keys, the run's first task refuses before anything else happens (`tasks.planning.order`).

Limits stand in an `allOf`: of a plain `minimum` Airflow 3.3.2's UI makes another number than was
typed (0 epochs become 1, 9,999 workers 1,024) and says nothing. Drop it once the UI tells.
"""

from __future__ import annotations

from airflow.sdk import Param

from ray_jobs.recipes import catalog
from tasks.ingest.class_map import BUILT_IN
from tasks.ingest.class_map import MAX_LENGTH as CLASS_MAP_LENGTH
from tasks.names import MAX_LENGTH
from tasks.planning.order import BUDGET_LIMIT_MINUTES, DEFAULT_WORKERS, WORKERS_LIMIT
from tasks.sources.formats import FORMATS

# Airflow opens the fields without a section by itself, and the sections at a click.
_CLUSTER = "Cluster: workers and budget"
_ADVANCED = "Seed, other keys, running again"
_AS_THE_RECIPE = "Empty: as the recipe says"
_FORMATS = {
    "auto": "auto: look and decide",
    "folder": "folder: a sub-folder a class",
    "split": "split: train, val and test folders over class folders",
    "csv": "csv: a table with the columns path and label",
    "jsonl": "jsonl: the same, a JSON object a line",
    "huawei": "huawei: img_1.jpg beside img_1.txt",
    "sample": "sample: drawn pictures",
}


def ingest_form() -> dict[str, Param]:
    """What `ingest_dataset` asks for; `infra/docs/sources.md` tells more of each."""
    return {
        "source": Param(
            "sample:",
            type="string",
            minLength=1,
            title="Source",
            description="Where the photos are: 'sample:' (generated); a folder, .zip or .tar(.gz) "
            "on the machine where the ingest runs; s3://BUCKET/PREFIX, or an archive there; the "
            "http(s) address of an archive (up to 50 GB, a broken fetch goes on where it was; "
            "'#sha256=...' at its end is checked)",
            examples=["sample:"],
        ),
        "name": _text(
            "Name of the data set", "Of a-z, 0-9, - and _; empty: the source's own name", MAX_LENGTH
        ),
        "format": Param(
            "auto",
            type="string",
            enum=list(FORMATS),
            values_display=_FORMATS,
            title="Format of the source",
            description="How the classes are told; 'auto' looks and decides",
        ),
        "class_map": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=CLASS_MAP_LENGTH,
            title="Class map",
            description="YAML with rename, merge and drop, or the name of a map: "
            f"{', '.join(BUILT_IN)}. Empty: the classes keep their names",
        ),
        "keep_test": Param(
            False,
            type="boolean",
            title="Keep its test split",
            description="Images of the source's own test split stay test images",
        ),
        "strict": Param(
            False,
            type="boolean",
            title="Refuse small classes",
            description="A class of fewer than three different pictures fails the ingest; "
            "otherwise it is set aside with a warning",
        ),
    }


def retrain_form() -> dict[str, Param]:
    """What `retrain_classifier` asks for; each key is one of `tasks.planning.order.Order`."""
    return _data() | _model() | _after() | _cluster() | _advanced()


def rollback_form() -> dict[str, Param]:
    """What `rollback_champion` asks for."""
    return {
        "model": _text("Model", "A model is named as its data set; empty: that of the settings"),
        "version": Param(
            None,
            type=["null", "integer"],
            allOf=[{"minimum": 1}],
            title="Version",
            description="A version that was champion once; empty: the champion before this one",
        ),
        "reason": _text("Reason", "Kept beside the move, for whoever looks at it later", 500),
    }


def housekeeping_form() -> dict[str, Param]:
    """What `housekeeping` asks for."""
    return {
        "keep_candidates": Param(
            10,
            type="integer",
            allOf=_between(0, 10_000),
            title="Candidates to keep",
            description="The newest versions of each model that stay whole, beside all that ever "
            "were champion: 0 to 10000",
        ),
        "older_than_days": Param(
            14,
            type="integer",
            allOf=_between(0, 3650),
            title="Older than (days)",
            description="What is younger stays: 0 to 3650",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Dry run",
            description="Only tell what would go; a scheduled run removes it",
        ),
    }


def _data() -> dict[str, Param]:
    named = "Name of the data set; empty: that of the Variable sortline_dataset"
    return {
        "dataset": _text("Data set", named),
        "version": _text("Version", "12 hex digits; empty: the newest"),
    }


def _model() -> dict[str, Param]:
    return {
        "recipe": Param(
            None,
            type=["null", "string"],
            enum=[None, *catalog.names()],
            values_display=_recipes(),
            title="Recipe",
            description="Network, weights and schedule",
        ),
        "epochs": _count("Epochs", (1, 1000), "Passes over the training images"),
        "image_px": _count(
            "Image size (pixels)", (32, 1024), "Side of the square that the network sees"
        ),
        "base_rate": Param(
            None,
            type=["null", "number"],
            allOf=[{"exclusiveMinimum": 0, "maximum": 10}],
            title="Base learning rate",
            description=f"Highest rate of a step, above 0 to 10. {_AS_THE_RECIPE}",
        ),
    }


def _cluster() -> dict[str, Param]:
    return {
        "workers_min": _workers("Workers, at least", "The training starts once it has as many"),
        "workers_max": _workers("Workers, at most", "It grows to as many where the cluster can"),
        "budget_minutes": Param(
            None,
            type=["null", "integer"],
            allOf=_between(1, BUDGET_LIMIT_MINUTES),
            title="Budget (minutes)",
            description="The training job is stopped, and the run fails, after as many minutes: "
            f"1 to {BUDGET_LIMIT_MINUTES}. Empty: after a day",
            section=_CLUSTER,
        ),
    }


def _after() -> dict[str, Param]:
    return {
        "require_approval": Param(
            False,
            type="boolean",
            title="Ask before a promotion",
            description="Once the gate would promote, a person approves or rejects it; "
            "without an answer within a day the champion stays",
        ),
        "note": _text("Note", "Kept in the run's spec", 500),
    }


def _advanced() -> dict[str, Param]:
    return {
        "force": Param(
            False,
            type="boolean",
            title="Run again what was judged",
            description="The same data, recipe, seed and code end as 'unchanged' otherwise",
            section=_ADVANCED,
        ),
        "takes_up": _text(
            "Run to take up",
            "Filled in by compare_again: the run to go on with; judged, it is not run again",
            section=_ADVANCED,
        ),
        "seed": Param(
            0,
            type="integer",
            allOf=_between(0, 2**31 - 1),
            title="Seed",
            description="Of weights, order and augmentation; another seed is another run",
            section=_ADVANCED,
        ),
        "overrides": Param(
            {},
            type="object",
            title="Other keys of the recipe",
            description='Dotted key to value, for example {"optimizer.name": "adamw"}',
            section=_ADVANCED,
        ),
    }


def _recipes() -> dict[str, str]:
    """What the form shows for each recipe; JSON has no other key for None."""
    shown = {name: f"{name}: {catalog.resolve(name, {}).summary}" for name in catalog.names()}
    return {"null": "as the settings say (the Variable sortline_recipe)"} | shown


def _text(title: str, description: str, most: int | None = None, **kwargs: str) -> Param:
    limit = {} if most is None else {"maxLength": most}
    return Param(
        None, type=["null", "string"], title=title, description=description, **limit, **kwargs
    )


def _count(title: str, limits: tuple[int, int], meaning: str) -> Param:
    least, most = limits
    return Param(
        None,
        type=["null", "integer"],
        allOf=_between(least, most),
        title=title,
        description=f"{meaning}: {least} to {most}. {_AS_THE_RECIPE}",
    )


def _between(least: int, most: int) -> list[dict[str, int]]:
    return [{"minimum": least, "maximum": most}]


def _workers(title: str, meaning: str) -> Param:
    return Param(
        DEFAULT_WORKERS,
        type="integer",
        allOf=_between(1, WORKERS_LIMIT),
        title=title,
        description=f"{meaning}: 1 to {WORKERS_LIMIT}. A worker takes one CPU, and a GPU if any",
        section=_CLUSTER,
    )
