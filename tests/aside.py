"""Coroutines in tests: the browser tests of the same process leave a running event loop in the main thread."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_aside(make: Callable[[], Awaitable[T]]) -> T:
    """What the coroutine that ``make`` begins returns; it runs in a thread of its own."""

    async def run() -> T:
        return await make()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(run())).result()
