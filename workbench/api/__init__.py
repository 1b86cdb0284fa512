"""The HTTP door: JSON routes under ``/api``, and the guard in front of every route of the server."""

from workbench.api.guard import Guard, Policy
from workbench.api.routes import install

__all__ = ["Guard", "Policy", "install"]
