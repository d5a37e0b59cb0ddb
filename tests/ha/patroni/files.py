"""The files of docs/examples/ha, as an operator pastes them, moved to loopback and short times."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs/high-availability.md"
EXAMPLES = ROOT / "docs/examples/ha"
NAMES = ["patroni.yml", "haproxy.cfg", "role.sql", "pgbouncer.ini"]


def differences():
    """The files that the guide shows otherwise than docs/examples/ha has them."""
    blocks = re.findall(r"```[a-z]*\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [name for name in NAMES if (EXAMPLES / name).read_text() not in blocks]


def moved(name, changes):
    """The text of an example after the changes, each of which has something to change."""
    text = (EXAMPLES / name).read_text()
    for before, after in changes:
        if not re.search(before, text, re.MULTILINE):
            raise SystemExit(f"docs/examples/ha/{name} has no more what the test changes: {before}")
        text = re.sub(before, lambda found: found.expand(after), text, flags=re.MULTILINE)
    left = re.search(r"10\.0\.0\.\d+|[A-Z]+-PASSWORD|^[^;#\n]*(/var/|/etc/)", text, re.MULTILINE)
    if left:
        raise SystemExit(f"docs/examples/ha/{name}: the test does not move {left.group()}")
    return text
