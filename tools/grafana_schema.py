"""Opens the JSON Schema of Grafana's types where the types themselves are open: an object of which nothing is named,
and DataQuery, which every data source extends.
"""

import json
import sys
from pathlib import Path
from typing import Any


def opened(node: Any) -> Any:
    """The same schema; what names no properties may have any."""
    if isinstance(node, list):
        return [opened(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: opened(value) for key, value in node.items()}
    if made.get("type") == "object" and "properties" not in made:
        made.setdefault("additionalProperties", True)
        made["additionalProperties"] = made["additionalProperties"] or True
    return made


if __name__ == "__main__":
    schema = opened(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    schema["definitions"]["DataQuery"]["additionalProperties"] = True
    schema["$comment"] = (
        "Made by tools/grafana-schema of @grafana/schema 11.6.9, copyright Grafana Labs, Apache-2.0 "
        "(https://github.com/grafana/grafana/tree/main/packages/grafana-schema)."
    )
    print(json.dumps(schema, indent=1, sort_keys=True))
