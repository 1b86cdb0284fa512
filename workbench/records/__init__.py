"""The words of the product as frozen records. Knows nothing of files, models or databases.

Each record that leaves the process has ``to_dict`` and ``from_dict``, inverses of each other. ``from_dict`` raises
``RecordError`` with the JSON path of the offending field.
"""

from workbench.records.reading import RecordError, canonical_json
from workbench.records.replies import ArgumentScore, Parsed, Reply, Score
from workbench.records.rules import RULE_KINDS, Rule, RuleKind
from workbench.records.runs import (
    FINISHED_STATES,
    RUN_STATES,
    Model,
    ModelKind,
    Run,
    RunKind,
    RunState,
    Snapshot,
    SnapshotRow,
)
from workbench.records.scenarios import (
    NO_TOOL,
    SCENARIO_KEYS,
    SPLITS,
    STATUSES,
    ExpectedCall,
    Outcome,
    Scenario,
    Split,
    Status,
)
from workbench.records.talk import Message, ToolCall, Turn
from workbench.records.tools import PROFILE_STYLES, TRIGGER, ProfileStyle, PromptProfile, Tool, Toolset

__all__ = [
    "ArgumentScore",
    "ExpectedCall",
    "FINISHED_STATES",
    "Message",
    "Model",
    "ModelKind",
    "NO_TOOL",
    "Outcome",
    "PROFILE_STYLES",
    "Parsed",
    "ProfileStyle",
    "PromptProfile",
    "RULE_KINDS",
    "RUN_STATES",
    "RecordError",
    "Reply",
    "Rule",
    "RuleKind",
    "Run",
    "RunKind",
    "RunState",
    "SCENARIO_KEYS",
    "SPLITS",
    "STATUSES",
    "Scenario",
    "Score",
    "Snapshot",
    "SnapshotRow",
    "Split",
    "Status",
    "TRIGGER",
    "Tool",
    "ToolCall",
    "Toolset",
    "Turn",
    "canonical_json",
]
