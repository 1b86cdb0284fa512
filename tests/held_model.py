"""Stands for the process that holds models: begins an answer to each request and holds it until it is taken back.

Run as ``python tests/held_model.py LIMITS``, with the lines of ``workbench.serving.worker``. A request in which
``quick`` stands is answered at once, with the number of those that were taken back by then.
"""

import json
import sys

BEGUN = "I would say that"


def main() -> int:
    taken_back = 0
    for line in sys.stdin:
        asked = json.loads(line)
        if "cancel" in asked:
            taken_back += 1
            continue
        say({"id": asked["id"], "row": 0, "text": BEGUN})
        if "quick" in asked["messages"][-1]["content"]:
            say({"id": asked["id"], "decisions": [decision(f"{taken_back} taken back")]})
    return 0


def decision(text):
    figures = {"confidence": 0.5, "latency_ms": 3.0, "prompt_tokens": 9, "completion_tokens": 2, "finish": "stop"}
    return {"calls": [], "text": text, "raw": text, "malformed": "", "problems": [], "prompt": "P", **figures}


def say(row):
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
