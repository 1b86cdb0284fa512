"""What tests of pretraining rows share."""

from workbench.inference.starter.generator import Row
from workbench.records import Scenario


def text_values(row: Row, scenario: Scenario) -> list[str]:
    """Text arguments that are copied from the request, not chosen from an enum."""
    found: list[str] = []
    for call in scenario.outcome.calls:
        tool = row.toolset.tool(call.name)
        assert tool
        for name, value in call.arguments.items():
            schema = tool.properties[name]
            if "enum" in schema or "enum" in schema.get("items", {}):
                continue
            found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return found
