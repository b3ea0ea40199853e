"""What a command ends with, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.commands.demo import Demo
from infra.commands.retrain import Retraining
from infra.local.stack import PartStatus, Stack
from ray_jobs.contract.champion import Act
from ray_jobs.contract.dataset import Split

_VERDICT_STYLES = {"promoted": "bold green", "kept": "bold yellow", "unchanged": "bold cyan"}


def of_parts(parts: list[PartStatus]) -> RenderableType:
    """Every part: address, health, and whether it is somebody else's."""
    table = Table("part", "address", "state", box=None, header_style="dim")
    for part in parts:
        state = Text("healthy", "green") if part.healthy else Text("down", "red")
        if part.external:
            state.append(" (external)", "dim")
        table.add_row(part.name, part.address, state)
    return table


def of_health(parts: list[PartStatus]) -> RenderableType:
    """Every part, and of each that is down what is wrong and where its log is."""
    down = [part for part in parts if not part.healthy]
    lines = {part.name: "\n".join(filter(None, [part.reason, part.log])) for part in down}
    return Group(of_parts(parts), facts(lines))


def of_ingest(answer: Mapping[str, Any]) -> RenderableType:
    """A data set version: how many images by state, by split and by class, and what was noted."""
    table = Table("class", "images", box=None, header_style="dim")
    table.columns[1].justify = "right"
    for name, count in answer["classes"].items():
        table.add_row(name, str(count))
    return Group(facts(_ingest_facts(answer)), table)


def of_retraining(retraining: Retraining) -> RenderableType:
    """A verdict and what it rests on."""
    return Group(_verdict(retraining), facts(_retrain_facts(retraining)), _recalls(retraining))


def of_demo(made: Demo, stack: Stack, *, kept: bool) -> RenderableType:
    """The whole main job."""
    told = _ingest_facts(made.ingest) | _retrain_facts(made.retraining)
    told["seconds a stage"] = "  ".join(f"{n} {s:g}" for n, s in made.seconds.items())
    told |= _addresses(stack) if kept else {"stack": "stopped; `make demo KEEP=1` leaves it up"}
    return Panel(Group(_verdict(made.retraining), facts(told), _per_class(made)), title="Sortline")


def _ingest_facts(answer: Mapping[str, Any]) -> dict[str, str]:
    images = "  ".join(f"{state} {count}" for state, count in answer["images"].items())
    splits = "  ".join(f"{split} {count}" for split, count in answer["splits"].items())
    checks = "  ".join(f"{note} {count}" for note, count in answer["checks"].items())
    return {
        "data set": f"{answer['dataset']} @ {answer['version']}",
        "images": images,
        "checks": checks or "nothing to note",
        "splits": splits,
        "manifest": answer["manifest"],
        "ingest run": answer["dag_run"],
    }


def _retrain_facts(retraining: Retraining) -> dict[str, str]:
    answer = retraining.answer
    model = f"{answer['dataset']} version {answer['model_version']} (run {answer['run_id']})"
    jobs = "\n".join(answer["ray_jobs"].values())
    return {
        "recipe": answer["recipe"],
        "model": model,
        "export": answer["export"],
        "report": f"{retraining.report}\n{answer['report']}",
        "retrain run": answer["dag_run"],
        "Ray jobs": jobs or "none: nothing had changed",
    }


def _verdict(retraining: Retraining) -> Text:
    answer = retraining.answer
    text = Text(answer["verdict"].upper(), _VERDICT_STYLES[answer["verdict"]])
    text.append(f"  test accuracy {_rate(answer['test_accuracy'])}", "bold")
    if answer["test_accuracy_interval"]:
        low, high = answer["test_accuracy_interval"]
        text.append(f" (95% interval {low:.3f} to {high:.3f})", "none")
    text.append("\n")
    text.append("\n".join(answer["reasons"]) + "\n", "none")
    return text


def _recalls(retraining: Retraining) -> RenderableType:
    table = Table("class", "test images", "recall", box=None, header_style="dim")
    for name, score in retraining.card.evaluation.candidate.classes.items():
        table.add_row(name, str(score.images), _rate(score.recall.value))
    return table


def _per_class(made: Demo) -> RenderableType:
    """Images a class and split, with the recall on the test split."""
    table = Table("class", *(s.value for s in Split), "recall", box=None, header_style="dim")
    scores = made.retraining.card.evaluation.candidate.classes
    for name in made.ingest["classes"]:
        counts = (str(made.manifest.splits[split][name]) for split in Split)
        table.add_row(name, *counts, _rate(scores[name].recall.value))
    return table


def _rate(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def facts(told: Mapping[str, str]) -> Table:
    """Names and values, one a line."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in told.items():
        table.add_row(name, Text(value))
    return table


def _addresses(stack: Stack) -> dict[str, str]:
    airflow_user, _ = stack.airflow_login()
    mlflow_user, _ = stack.mlflow_login()
    secrets = stack.home / "secrets"
    return {
        "Airflow": f"{stack.airflow_url}  user {airflow_user}",
        "MLflow": f"{stack.mlflow_url}  user {mlflow_user}",
        "Ray": f"{stack.ray_dashboard_url}  asks for the token",
        "to log in": f"{secrets}/: airflow-passwords.json, mlflow-credentials.json, ray-token",
        "stop it": "sortline down",
    }


def of_models(known: Mapping[str, Any]) -> RenderableType:
    """Every registered version, the champion marked, and who made it that."""
    heads = ("version", "run", "recipe", "test accuracy", "verdict", "created", "")
    table = Table(*heads, box=None, header_style="dim")
    unreadable: list[str] = []
    for one in known["versions"]:
        mark = " *" if one["version"] == known["champion"] else ""
        if "error" in one:
            unreadable.append(f"version {one['version']}{mark} cannot be read: {one['error']}")
            continue
        accuracy = one["test_accuracy"]
        table.add_row(
            f"{one['version']}{mark}",
            one["run_id"],
            one["recipe"],
            "" if accuracy is None else f"{accuracy:.3f}",
            one["verdict"] or "",
            one["created"],
            "" if one["files"] == "kept" else "files removed",
        )
    return Group(table, *(Text(one, "red") for one in unreadable), Text(_champion(known), "dim"))


def _champion(known: Mapping[str, Any]) -> str:
    if known["champion"] is None:
        return f"{known['model']} has no champion yet"
    why = f": {known['reason']}" if known["reason"] else ""
    act = f" ({known['act']})" if known["act"] in {Act.PROMOTION, Act.ROLLBACK} else ""
    return f"* champion, by {known['by']}{act}, since {known['since']}{why}"


def of_report(fetched: Mapping[str, Any]) -> RenderableType:
    """A verdict, where its report lies, and what is the champion now."""
    told = {
        "model": f"{fetched['model']} version {fetched['version']} (run {fetched['run_id']})",
        "champion now": _champion_now(fetched),
        "report": fetched["report"],
        "MLflow": fetched["page"],
    }
    verdict = Text(fetched["verdict"].upper(), _VERDICT_STYLES[fetched["verdict"]])
    verdict.append("\n" + "\n".join(fetched["reasons"]) + "\n", "none")
    return Group(verdict, facts(told))


def _champion_now(fetched: Mapping[str, Any]) -> str:
    if fetched["champion"] is None:
        return "none"
    is_this = fetched["champion"] == fetched["version"]
    return "this version" if is_this else f"version {fetched['champion']}"


def of_predictions(told: Mapping[str, Any]) -> RenderableType:
    """A line an image: its classes, or why it has none; and how many files are no photos."""
    table = Table("image", "answer", box=None, header_style="dim")
    for answer in told["images"]:
        classes = answer.get("classes", [])
        words = Text("  ".join(f"{c['label']} {c['probability']:.3f}" for c in classes))
        failed = Text(answer["error"], "red") if "error" in answer else None
        table.add_row(Text(_printable(answer["image"])), failed or words)
    skipped = [Text(f"other files skipped: {told['skipped']}", "dim")] if told["skipped"] else []
    return Group(table, *skipped)


def _printable(name: str) -> str:
    # A file's name may hold a line's end, or orders for the terminal.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
