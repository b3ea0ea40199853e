"""A Ray job's log as it comes, line by line, each once, whatever breaks in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tasks.operators.errors import RayApiError
from tasks.operators.jobs_api import JobsApi

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 10.0


class LogTail:
    """Copies a job's log; a lost connection is made anew, and lines seen before are skipped.

    It tells nothing about the job: status comes from the Jobs API alone.

    Args:
      submission_id: the job.
      emit: takes a line.
    """

    def __init__(self, submission_id: str, emit: Callable[[str], None]) -> None:
        self._submission_id = submission_id
        self._emit = emit
        self._seen = 0

    async def follow(self, api: Callable[[], JobsApi | None], room: asyncio.Semaphore) -> None:
        """Copy lines as they come, until cancelled.

        Args:
          api: the client of now; None where there is none yet.
          room: held while the log is open.
        """
        pause = _FIRST_PAUSE_S
        while True:
            seen_before = self._seen
            async with room:
                if (client := api()) is not None:
                    await self._copy(client, follow=True)
            pause = _FIRST_PAUSE_S if self._seen > seen_before else min(2 * pause, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def catch_up(self, api: JobsApi, room: asyncio.Semaphore) -> None:
        """Copy what is there by now and was not seen: the job has ended."""
        async with room:
            error = await self._copy(api, follow=False)
        if error is not None:
            self._emit(f"(the rest of the job's log cannot be read: {error})")

    async def _copy(self, api: JobsApi, *, follow: bool) -> RayApiError | None:
        """Why the copying ended: a log that is not there yet, or a lost connection; None at EOF."""
        number = 0
        try:
            async for line in api.read_log(self._submission_id, follow=follow):
                number += 1
                if number > self._seen:
                    self._emit(line.rstrip("\r"))
                    self._seen = number
        except RayApiError as error:
            return error
        return None
