"""What the Compare form adds to its list of models: variants, files, endpoints. Pure but for the actions it calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.actions import endpoints, models
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.ui.compare_form import Bench
from workbench.ui.forms import Fields, one, whole


def added(store: Store, bench: Bench, fields: Fields, pressed: Mapping[str, Any]) -> Bench:
    """The bench with what the pressed button adds ticked, or without what it forgets.

    Raises:
        WorkbenchError: the fields make no model.
    """
    if pressed["add"] == "forget":
        name = str(pressed["name"])
        endpoints.delete(store, name)
        gone = models.ENDPOINT_PREFIX + name
        return bench.at(models=tuple(id for id in bench.models if models.ModelName.read(id).plain != gone))
    if pressed["add"] == "endpoint":
        id = models.ENDPOINT_PREFIX + endpoints.save(store, _endpoint(fields)).name
    else:
        given = models.ModelName.read(one(fields, "more_model").strip() or models.STARTER_ID).with_whole_path()
        id = models.variant(str(given), whole(fields, "more_shots"), one(fields, "more_int8") == "yes")
        models.resolve(store, id)
    return bench.at(models=tuple(dict.fromkeys([*bench.models, id])))


def _endpoint(fields: Fields) -> dict[str, Any]:
    data: dict[str, Any] = {name: one(fields, name).strip() for name in ("base_url", "key_env")}
    data |= {"model": one(fields, "endpoint_model").strip(), "concurrency": whole(fields, "concurrency", 4)}
    for name in ("price_in", "price_out"):
        try:
            data[name] = float(one(fields, name) or 0)
        except ValueError as error:
            raise WorkbenchError(f"{name} must be a number.", "Leave it empty when it is not known.") from error
    return data
