"""A toolset as large as a real one: thirty-one tools that look after a computer, few arguments each, some enums."""

from workbench.records import PromptProfile, Tool, Toolset

_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 500}
_ACTION = {"type": "string", "enum": ["start", "stop", "restart", "status"]}
_ROWS: tuple[tuple[str, dict, tuple[str, ...]], ...] = (
    ("ReadManual", {"query": _TEXT, "vendor": {"type": "string", "enum": ["Acme", "Globex", "Any"]}}, ("query",)),
    ("ReadFacts", {"part": {"type": "string", "enum": ["Disk", "Net", "Firmware"]}, "detail": _TEXT}, ("part",)),
    ("GrepLogs", {"pattern": _TEXT, "folder": _TEXT, "exactCase": _FLAG, "lines": _COUNT}, ("pattern",)),
    ("ListDisks", {}, ()),
    ("DiskHealth", {"disk": _TEXT}, ("disk",)),
    ("ListProcesses", {"top": _COUNT, "sortBy": {"type": "string", "enum": ["cpu", "memory"]}}, ()),
    ("EndProcess", {"pid": {"type": "integer", "minimum": 1}, "force": _FLAG}, ("pid",)),
    ("ServiceDo", {"service": _TEXT, "action": _ACTION}, ("service", "action")),
    ("ContainerDo", {"container": _TEXT, "action": _ACTION}, ("action",)),
    ("SubsystemDo", {"action": _ACTION, "distribution": _TEXT}, ("action",)),
    ("PingHost", {"host": _TEXT, "count": _COUNT}, ("host",)),
    ("TraceRoute", {"host": _TEXT, "hops": {"type": "integer", "minimum": 1, "maximum": 64}}, ("host",)),
    ("ResolveName", {"name": _TEXT, "record": {"type": "string", "enum": ["A", "AAAA", "MX"]}}, ("name",)),
    ("ListAdapters", {"onlyActive": _FLAG}, ()),
    ("ResetAdapter", {"adapter": _TEXT}, ("adapter",)),
    ("OpenPorts", {"range": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}}}, ()),
    ("ListDrivers", {"kind": _TEXT, "onlyBroken": _FLAG}, ()),
    ("UpdateDriver", {"device": _TEXT}, ("device",)),
    ("UsbTree", {}, ()),
    ("EventsSince", {"hours": {"type": "number", "minimum": 0}, "level": {"enum": ["error", "warning"]}}, ("hours",)),
    ("MemoryReport", {}, ()),
    ("GpuReport", {"index": {"type": "integer", "minimum": 0, "maximum": 7}}, ()),
    ("Temperatures", {"fahrenheit": _FLAG}, ()),
    ("BatteryReport", {}, ()),
    ("CleanFolder", {"folder": _TEXT, "olderThanDays": _COUNT, "dryRun": _FLAG}, ("folder",)),
    ("FindDuplicates", {"folder": _TEXT, "pattern": _TEXT}, ("folder",)),
    ("HashFile", {"file": _TEXT, "algorithm": {"type": "string", "enum": ["sha256", "md5"]}}, ("file",)),
    ("ListUpdates", {}, ()),
    ("InstallUpdate", {"update": _TEXT, "options": {"type": "object", "properties": {"reboot": _FLAG}}}, ("update",)),
    ("ScheduleTask", {"name": _TEXT, "at": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}}, ("name", "at")),
    (
        "Report",
        {"format": {"type": "string", "enum": ["text", "html"]}, "parts": {"type": "array", "items": _TEXT}},
        (),
    ),
)
MANY = Toolset(
    "many",
    tuple(
        Tool(
            name,
            f"{name} on this computer.",
            {"type": "object", "properties": properties, **({"required": list(required)} if required else {})},
        )
        for name, properties, required in _ROWS
    ),
    PromptProfile("router", {"default": "Look after this computer."}),
)
