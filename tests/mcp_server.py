"""A small MCP server for tests: ``python -m tests.mcp_server stdio``, or ``http PORT``."""

import os
import sys
from typing import Literal

from mcp.server.mcpserver import MCPServer

server = MCPServer("lamps/of this house")


@server.tool()
def switch(lamp: str, state: Literal["on", "off"] = "on") -> str:
    """Switch a lamp."""
    return f"{lamp} {state}"


@server.tool()
def dim(lamp: str, percent: int) -> str:
    """Dim a lamp."""
    return f"{lamp} {percent}"


if "SECRET_KEY" in os.environ:

    @server.tool()
    def tell() -> str:
        """Tell what the server should not know."""
        return os.environ["SECRET_KEY"]


if __name__ == "__main__":
    if sys.argv[1] == "http":
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run("stdio")
