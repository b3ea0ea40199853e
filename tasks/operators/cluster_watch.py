"""One look an interval at a cluster, for every trigger of this process that waits there.

A triggerer may hold a thousand waiting jobs in one event loop. Each asking for itself would be a
thousand requests an interval; here one loop asks, and all are told.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tasks.operators.errors import RayApiError, RayRefusedError
from tasks.operators.hook import RayHook
from tasks.operators.jobs_api import Job, JobsApi

# From so many waiting jobs on, all jobs of the cluster are asked for at once. Below, each by its
# id: a cluster remembers every job that it ever ran.
_LIST_FROM = 10

# Ray's dashboard answers 100 questions about logs, nodes and actors at once; the next waits, or is
# refused with 429, a person's too. Logs of running jobs can wait, so that ten jobs are read every
# 2 s and a thousand once a minute; those of ended jobs hold up their tasks.
_FOLLOWED_AT_ONCE = 4
_CAUGHT_UP_AT_ONCE = 20

_WATCHES: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[tuple[str, float], ClusterWatch]
] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Look:
    """What one look saw of the jobs that were `asked` for, or why nothing was seen.

    A job that was asked for and is not in `jobs` is not known to the cluster.
    """

    asked: frozenset[str]
    jobs: Mapping[str, Job]
    error: RayApiError | None = None


class ClusterWatch:
    """Looks at one cluster while anybody waits; `waiting_for` is the way in.

    `follow_room` and `catch_up_room` are what its dashboard has to spare for logs.
    """

    def __init__(self, ray_conn_id: str, poll_interval_s: float) -> None:
        self.follow_room = asyncio.Semaphore(_FOLLOWED_AT_ONCE)
        self.catch_up_room = asyncio.Semaphore(_CAUGHT_UP_AT_ONCE)
        self._hook = RayHook(ray_conn_id)
        self._interval_s = poll_interval_s
        self._waiting: Counter[str] = Counter()
        self._next: asyncio.Future[Look] = asyncio.get_running_loop().create_future()
        self._poller: asyncio.Task[None] | None = None
        self._api: JobsApi | None = None

    @property
    def api(self) -> JobsApi | None:
        """The client of now, for a log or a stop; None before the first look."""
        return self._api

    async def next_look(self) -> Look:
        """What the next look sees. Raises what broke the watch: no connection of this name, say."""
        return await asyncio.shield(self._next)

    def enter(self, submission_id: str) -> None:
        """Count a waiter in; the first one starts the looks."""
        self._waiting[submission_id] += 1
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
            self._poller.add_done_callback(self._tell_end)

    def leave(self, submission_id: str) -> bool:
        """Count a waiter out; True where nobody is left, and the looks have ended."""
        self._waiting -= Counter([submission_id])
        if self._waiting or self._poller is None:
            return not self._waiting
        self._poller.cancel()
        return True

    async def _poll(self) -> None:
        # A refused token may have been replaced in the connection: read it again.
        while True:
            async with self._hook.api() as api:
                self._api = api
                while not isinstance((look := await self._look(api)).error, RayRefusedError):
                    await self._publish(look)
                await self._publish(look)
                self._api = None

    async def _publish(self, look: Look) -> None:
        told, self._next = self._next, asyncio.get_running_loop().create_future()
        told.set_result(look)
        await asyncio.sleep(self._interval_s)

    async def _look(self, api: JobsApi) -> Look:
        asked = frozenset(self._waiting)
        try:
            return Look(asked, await _jobs(api, asked))
        except RayApiError as error:
            return Look(asked, {}, error)

    def _tell_end(self, poller: asyncio.Task[None]) -> None:
        if poller.cancelled():
            self._next.cancel()
        elif (fault := poller.exception()) is not None and not self._next.done():
            self._next.set_exception(fault)


async def _jobs(api: JobsApi, wanted: Collection[str]) -> dict[str, Job]:
    if len(wanted) >= _LIST_FROM:
        return {job.submission_id: job for job in await api.list()}
    found = await asyncio.gather(*(api.find(one) for one in wanted))
    return {job.submission_id: job for job in found if job is not None}


@asynccontextmanager
async def waiting_for(
    ray_conn_id: str, submission_id: str, poll_interval_s: float
) -> AsyncGenerator[ClusterWatch]:
    """The watch of a cluster, shared with all who wait there in this event loop."""
    watches = _WATCHES.setdefault(asyncio.get_running_loop(), {})
    key = ray_conn_id, poll_interval_s
    watch = watches.get(key) or watches.setdefault(key, ClusterWatch(*key))
    watch.enter(submission_id)
    try:
        yield watch
    finally:
        if watch.leave(submission_id) and watches.get(key) is watch:
            del watches[key]
