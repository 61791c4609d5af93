"""`spaces bench`: which rows there are, and running them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import content, crowd, depths, engine, gateway, hub, push, uploads, wake
from bench.rows import Row, table, write
from spaces_runtime.domain.errors import Fault

GROUPS: dict[str, Callable[[], list[Row]]] = {
    "wake": lambda: [*wake.rows(), *depths.rows()],
    "push": push.rows,
    "gateway": gateway.rows,
    "crowd": crowd.rows,
    "engine": lambda: [*engine.rows(), *push.rows_in_containers()],
    "hub": lambda: [*hub.rows(), *content.rows(), *uploads.rows()],
}


def main(name: str, json_file: Path | None) -> None:
    """Measure a group or one row; print the table, write the JSON.

    Raises: Fault for a name that there is not.
    """
    group = name.partition(".")[0]
    if name != "all" and group not in GROUPS:
        raise Fault(what=f"measure {name}", why="there is no such group", then=f"There are {', '.join(GROUPS)}, all.")
    measured = [row for key, rows in GROUPS.items() if name in ("all", key) or group == key for row in rows()]
    wanted = [row for row in measured if name in ("all", group) or row.name.startswith(name)]
    if not wanted:
        names = ", ".join(row.name for row in measured)
        raise Fault(what=f"measure {name}", why="there is no such row", then=f"In this group: {names}.")
    print(table(wanted))
    if json_file:
        write(wanted, json_file)
