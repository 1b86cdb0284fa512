"""From a toolset and a dialect to the tokens that may come next. Knows llguidance; knows no model and no torch."""

from workbench.grammars.matching import Matcher, Vocabulary
from workbench.grammars.schema import Limits
from workbench.grammars.toolset import Choice, Grammars

__all__ = ["Choice", "Grammars", "Limits", "Matcher", "Vocabulary"]
