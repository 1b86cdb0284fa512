"""The routers that a process holds: loaded when they are first asked for, the oldest idle ones forgotten."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.inference.router import Router

Json = dict[str, Any]
Load = Callable[[Json, Json], "Router"]
"""Makes the router of a model and a toolset, both as JSON."""


class Routers:
    """A model whose files have changed is another one: who asked before is answered by the old one."""

    def __init__(self, most: int, load: Load) -> None:
        self._most, self._load = most, load
        self._known: OrderedDict[str, Router] = OrderedDict()
        self._lock = Lock()

    def find(self, model: Json) -> Router | None:
        """The router of a model, if it is loaded."""
        with self._lock:
            found = self._known.get(_key(model))
            if found:
                self._known.move_to_end(_key(model))
            return found

    def load(self, model: Json, toolset: Json) -> None:
        """Load a model unless it is there already. Raises WorkbenchError: see ``engine.load``."""
        if self.find(model):
            return
        router = self._load(model, toolset)
        with self._lock:
            self._known[_key(model)] = router

    def make_room(self, room: int) -> None:
        """Forget the oldest idle ones until there is room for so many more.

        One that is answering is never forgotten; there may be too many for as long as it does. Only whoever begins
        requests may call this: between finding a router and beginning with it, nobody may forget it.
        """
        with self._lock:
            idle = [name for name, router in self._known.items() if not router.busy]
            for name in idle[: max(0, len(self._known) - self._most + room)]:
                del self._known[name]

    def busy(self) -> list[Router]:
        """Those that have requests on their way."""
        with self._lock:
            return [router for router in self._known.values() if router.busy]


def _key(model: Json) -> str:
    places = [Path(model[part]) for part in ("base", "adapter") if model.get(part)]
    return json.dumps([model, *(_stamp(place) for place in places)], sort_keys=True)


def _stamp(place: Path) -> float:
    """When the weights of a folder or file were written last; 0 for a hub's model."""
    files = [place] if place.is_file() else place.glob("*.safetensors")
    return max((file.stat().st_mtime for file in files), default=0.0)
