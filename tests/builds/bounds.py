"""The lower bounds of our dependencies.

    bounds.py pins MANIFEST          prints a manifest's [dependencies], each dependency at its bound
    bounds.py wrong MANIFEST LOCKED  prints what a project has locked above the bounds, and fails

The first argument is our manifest, the second the manifest of a project that depends on us.
"""

import json
import re
import subprocess
import sys


def metadata(manifest, *options):
    command = ["cargo", "metadata", "--format-version", "1", "--manifest-path", manifest]
    return json.loads(subprocess.check_output([*command, *options]))


def bounds(manifest):
    """Each dependency that is not for tests alone, with the lowest version that it may have."""
    (package,) = metadata(manifest, "--no-deps")["packages"]
    lowest = {}
    for dependency in package["dependencies"]:
        if dependency["kind"] is None:
            # "^1.2" and ">=1.2, <3" alike.
            numbers = re.match(r"[\^>=]*\s*([0-9.]+)", dependency["req"]).group(1).split(".")
            lowest[dependency["name"]] = ".".join((numbers + ["0", "0"])[:3])
    return lowest


def pins(manifest):
    for name, version in bounds(manifest).items():
        print(f'{name} = {{ version = "={version}", default-features = false }}')


def wrong(manifest, project):
    found = metadata(project, "--features", "cli,sqlx")
    by_id = {package["id"]: package for package in found["packages"]}
    (ours,) = [it for it in by_id.values() if it["name"] == "certificate-lifecycle"]
    (node,) = [it for it in found["resolve"]["nodes"] if it["id"] == ours["id"]]
    normal = [it for it in node["deps"] if any(kind["kind"] is None for kind in it["dep_kinds"])]
    locked = {by_id[it["pkg"]]["name"]: by_id[it["pkg"]]["version"] for it in normal}
    lowest = bounds(manifest)
    different = {name: locked.get(name) for name in lowest if locked.get(name) != lowest[name]}
    for name, version in different.items():
        print(name, version, lowest[name])
    return bool(different)


if __name__ == "__main__":
    if sys.argv[1] == "pins":
        pins(sys.argv[2])
    else:
        sys.exit(wrong(sys.argv[2], sys.argv[3]))
