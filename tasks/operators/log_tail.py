"""A Ray job's log as it comes, line by line, each once, whatever breaks in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tasks.operators.errors import RayApiError, RayUnreachableError
from tasks.operators.jobs_api import JobsApi

# A log is read from its first line each time (why: `JobsApi.read_log`): a long one more rarely.
_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 60.0
_PAUSE_PER_READ = 20
# Whoever reads keeps its room for so long: that bounds the reads a second, however many want to.
_REST_S = 0.2


class LogTail:
    """Copies a job's log; lines seen before are skipped.

    It tells nothing about the job: status comes from the Jobs API alone.

    Args:
      submission_id: the job.
      emit: takes a line.
    """

    def __init__(self, submission_id: str, emit: Callable[[str], None]) -> None:
        self._submission_id = submission_id
        self._emit = emit
        self._node_id: str | None = None
        self._seen = 0

    async def follow(self, api: Callable[[], JobsApi | None], room: asyncio.Semaphore) -> None:
        """Copy lines as they come, until cancelled.

        Args:
          api: the client of now; None where there is none yet.
          room: held while the log is read.
        """
        while True:
            pause = _PAUSE_S
            async with room:
                started = time.monotonic()
                if (client := api()) is not None and await self._copy(client, ended=False) is None:
                    pause = max(pause, _PAUSE_PER_READ * (time.monotonic() - started))
                await asyncio.sleep(_REST_S)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))

    async def catch_up(self, api: JobsApi, room: asyncio.Semaphore) -> None:
        """Copy what is there by now and was not seen: the job has ended."""
        async with room:
            error = await self._copy(api, ended=True)
        if error is not None:
            self._emit(f"(the rest of the job's log cannot be read: {error})")

    async def _copy(self, api: JobsApi, *, ended: bool) -> RayApiError | None:
        """Why the copying ended: a log that is not there yet, or a lost connection; None at EOF."""
        number = 0
        try:
            node_id = await self._find_node(api)
            async for line in api.read_log(self._submission_id, node_id, ended=ended):
                number += 1
                if number > self._seen:
                    self._emit(line.rstrip("\r"))
                    self._seen = number
        except RayApiError as error:
            return error
        return None

    async def _find_node(self, api: JobsApi) -> str:
        if self._node_id is None:
            job = await api.find(self._submission_id)
            if job is None or job.node_id is None:
                raise RayUnreachableError(f"Ray job {self._submission_id} has no log yet")
            self._node_id = job.node_id
        return self._node_id
