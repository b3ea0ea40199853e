"""What the moves of a champion's pointer tell: what stands, what was undone. Pure."""

from __future__ import annotations

from ray_jobs.contract.champion import Act, ChampionPointer, Promotion
from ray_jobs.contract.errors import DataError, SpecError

_OF_A_VERDICT = (Act.GATE, Act.APPROVAL)


def is_made(pointer: ChampionPointer, run_id: str, *, since: int | None) -> bool:
    """Whether a run's verdict needs no move: it was made, or the run's version is the champion.

    One that was undone again was made all the same: a step that is retried must not redo it. A move
    that a person made and undid before the verdict is no move of the verdict.

    Args:
      pointer: the champion of now.
      run_id: the run.
      since: the version that the run was compared with: moves before it was champion first do not
        count; None for the whole history.
    """
    versions = [made.model_version for made in pointer.history]
    start = versions.index(since) if since in versions else 0
    moves = [made for made in pointer.history[start:] if made.act in _OF_A_VERDICT]
    return run_id in (pointer.run_id, *(made.run_id for made in moves))


def earlier(pointer: ChampionPointer) -> Promotion:
    """The champion before the one of now. Raises DataError where there is none."""
    *before, now = _standing(pointer)
    if not before:
        raise DataError(
            f"model '{pointer.model}' has no champion before version {now.model_version}",
            f"one of those that were: {_versions(pointer)}",
            "Name one of them as the version, or train a better one",
        )
    return before[-1]


def last_move_to(pointer: ChampionPointer, version: int) -> Promotion:
    """The last move that made a version champion. Raises SpecError where none did."""
    for made in reversed(pointer.history):
        if made.model_version == version:
            return made
    raise SpecError(
        f"version {version} of model '{pointer.model}' never was champion",
        f"one of those that were: {_versions(pointer)}",
        f"Name one of them, or run `sortline promote {version} --reason TEXT --name "
        f"{pointer.model}`",
    )


def _standing(pointer: ChampionPointer) -> list[Promotion]:
    """The moves that no roll-back has undone; the last one made the champion of now."""
    standing: list[Promotion] = []
    for made in pointer.history:
        versions = [one.model_version for one in standing]
        if made.goes_back and made.model_version in versions:
            while standing[-1].model_version != made.model_version:
                standing.pop()
        else:
            standing.append(made)
    return standing


def _versions(pointer: ChampionPointer) -> str:
    return ", ".join(str(one) for one in sorted({made.model_version for made in pointer.history}))
