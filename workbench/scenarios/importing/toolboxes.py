"""The tools that rows declare become toolsets.

In some files each row declares tools of its own, and one name may mean different things in two rows. Rows share a
toolset as long as no name is declared in two ways; where one is, a further toolset begins. A scenario whose row
declared but some of its toolset's tools names them (``Scenario.tools``): what a model was offered is never lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.records import Scenario, Tool, Toolset, canonical_json


@dataclass
class _Place:
    """One toolset in the making; a ``fixed`` one is in the workspace and is never changed."""

    name: str
    tools: dict[str, Tool]
    forms: dict[str, str]
    fixed: bool = False

    def takes(self, forms: Mapping[str, str]) -> bool:
        if self.fixed:
            return all(self.forms.get(name) == form for name, form in forms.items())
        return all(self.forms.get(name, form) == form for name, form in forms.items())


class Toolbox:
    """Finds the toolset for the tools of each row: ``name``, or ``name-2`` and so on where declarations clash.

    Show it all rows with ``add``, then ask ``settle`` about each. A toolset of the workspace serves where it declares
    the very same tools and has such a name, or ``anywhere`` where one serves all rows.
    """

    def __init__(self, name: str, known: Sequence[Toolset], anywhere: bool = False) -> None:
        self._name, self._anywhere = name, anywhere
        self._known = known
        self._seen: dict[str, dict[str, Tool]] = {}
        self._places: dict[str, _Place] = {}
        self._made: list[_Place] = []

    def add(self, tools: Iterable[Tool]) -> None:
        """Take note of the tools of a row."""
        by_name = {tool.name: tool for tool in tools}
        self._seen.setdefault(_key(_forms(by_name)), by_name)

    def toolsets(self) -> list[Toolset]:
        """The toolsets that the rows need and the workspace lacks."""
        self._resolve()
        return [Toolset(place.name, tuple(place.tools.values())) for place in self._made]

    def settle(self, scenario: Scenario, tools: Sequence[Tool]) -> Scenario:
        """The scenario in the toolset of its row's tools."""
        self._resolve()
        place = self._places[_key(_forms({tool.name: tool for tool in tools}))]
        names = tuple(tool.name for tool in tools)
        offered = names if set(names) < place.forms.keys() else ()
        return replace(scenario, toolset=place.name, tools=offered)

    def _resolve(self) -> None:
        if self._places or not self._seen:
            return
        fixed = [_place(toolset) for toolset in self._known]
        everything = [_forms(tools) for tools in self._seen.values()]
        serving = [place for place in fixed if all(map(place.takes, everything))]
        named = [place for place in serving if place.name == self._name]
        home = next(iter(named or (serving if self._anywhere else ())), None)
        own = [place for place in fixed if place.name == self._name or place.name.startswith(f"{self._name}-")]
        places = [home] if home else own
        for tools, forms in zip(self._seen.values(), everything, strict=True):
            place = next((place for place in places if place.takes(forms)), None)
            if place is None:
                place = _Place(self._free_name([*fixed, *places]), {}, {})
                places.append(place)
                self._made.append(place)
            if not place.fixed:
                place.tools |= {name: tool for name, tool in tools.items() if name not in place.tools}
                place.forms |= forms
            self._places[_key(forms)] = place

    def _free_name(self, taken: Iterable[_Place]) -> str:
        names = {place.name for place in taken}
        number = 2
        name = self._name
        while name in names:
            name, number = f"{self._name}-{number}", number + 1
        return name


def offered_by(toolset: Toolset, tools: Sequence[Tool]) -> tuple[str, ...]:
    """The names of a row's tools where the toolset declares them in the same way and has others; else none."""
    forms = _forms({tool.name: tool for tool in tools})
    place = _place(toolset)
    return tuple(forms) if place.takes(forms) and forms.keys() < place.forms.keys() else ()


def _place(toolset: Toolset) -> _Place:
    tools = {tool.name: tool for tool in toolset.tools}
    return _Place(toolset.name, tools, _forms(tools), fixed=True)


def _forms(tools: Mapping[str, Tool]) -> dict[str, str]:
    return {name: canonical_json(tool.to_dict()) for name, tool in tools.items()}


def _key(forms: Mapping[str, str]) -> str:
    return "\n".join(forms.values())
