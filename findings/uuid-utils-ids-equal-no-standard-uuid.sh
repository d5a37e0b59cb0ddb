#!/usr/bin/env bash
# uuid_utils (Python): an id has the number, the text and the hash of a standard UUID, and is not equal to it.
#
# A good guess: "drop-in replacement for Python's uuid module" means that `import uuid_utils as uuid` is enough. At
# the least, ids of both kinds with the same number are equal, as a subclass would be, or the difference is an error.
#
# What happens: comparison with `==` is false, both ways, without an error; only `<` fails. Drivers and pydantic
# return standard UUIDs. So the id that was made before an INSERT is not in the set of those that a SELECT returns;
# the receiver that keeps seen ids does a repeated event again. psycopg, orjson and pydantic refuse such an id,
# asyncpg takes it: code that only ever writes works. `uuid_utils.compat`, which returns standard UUIDs, is the
# drop-in.
#
# Versions: uuid_utils 1.2.0, pydantic 2.14.4, orjson 3.13.0, psycopg 3.3.9, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    uuid_utils==1.2.0 pydantic==2.14.4 orjson==3.13.0 'psycopg[binary]==3.3.9'
cat >ids.py <<'PY'
import uuid

import orjson
import psycopg.adapt
import pydantic
import uuid_utils
import uuid_utils.compat


def dump_for_psycopg(value):
    transformer = psycopg.adapt.Transformer()
    return transformer.get_dumper(value, psycopg.adapt.PyFormat.AUTO).dump(value)


uses = {
    "pydantic": pydantic.TypeAdapter(uuid.UUID).validate_python,
    "orjson": orjson.dumps,
    "psycopg": dump_for_psycopg,
}


def takes(use, value):
    try:
        use(value)
        return "taken"
    except (TypeError, ValueError, psycopg.ProgrammingError):
        return "refused"


for module in (uuid, uuid_utils, uuid_utils.compat):
    made = module.uuid4()
    read = uuid.UUID(str(made))  # as a driver reads it from the database
    alike = [int(made) == int(read), str(made) == str(read), hash(made) == hash(read)]
    print(f"{module.__name__}: number, text, hash alike: {all(alike)}; equal: {made == read}; "
          f"seen before: {made in {read}}; two in a set: {len({made, read}) == 2}")
    print("   ", ", ".join(f"{name}: {takes(use, made)}" for name, use in uses.items()))
PY
venv/bin/python ids.py | tee seen
diff - seen <<'SEEN'
uuid: number, text, hash alike: True; equal: True; seen before: True; two in a set: False
    pydantic: taken, orjson: taken, psycopg: taken
uuid_utils: number, text, hash alike: True; equal: False; seen before: False; two in a set: True
    pydantic: refused, orjson: refused, psycopg: refused
uuid_utils.compat: number, text, hash alike: True; equal: True; seen before: True; two in a set: False
    pydantic: taken, orjson: taken, psycopg: taken
SEEN
echo "as described"
