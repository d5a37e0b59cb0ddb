#!/usr/bin/env bash
# polars: a blank line in a CSV file, also the last one, is a row of nulls.
#
# A good guess: readers skip blank lines, as pandas and Python's csv.DictReader do. In a file of more than one column,
# such a line is no row of the right width: at most it is an error, as a line with too many fields is one.
#
# What happens: polars fills a line with too few fields with nulls, and takes a blank line for one. So a file that
# ends with two line breaks has one row more. Counts, joins and columns without nulls fail far from the file. The
# option `missing_columns="raise"` does not see it. The caller has to filter rows that are all null.
#
# Versions: polars 2.1.0, pandas 3.1.1, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check polars==2.1.0 pandas==3.1.1
cat >rows.py <<'PY'
import csv, io
import pandas, polars

files = {
    "none": "name,points\nAda,1\nBen,2\n",
    "at the end": "name,points\nAda,1\nBen,2\n\n",
    "between": "name,points\r\nAda,1\r\n\r\nBen,2\r\n",
}
for place, text in files.items():
    by_polars = polars.read_csv(io.BytesIO(text.encode()))
    by_pandas = pandas.read_csv(io.StringIO(text))
    by_csv = list(csv.DictReader(io.StringIO(text, newline="")))
    strictly = polars.read_csv(io.BytesIO(text.encode()), missing_columns="raise")
    assert strictly.rows() == by_polars.rows()
    print(f"blank line {place}: polars {by_polars.rows()}, rows by pandas {len(by_pandas)}, by csv {len(by_csv)}")
PY
venv/bin/python rows.py | tee seen
diff - seen <<'SEEN'
blank line none: polars [('Ada', 1), ('Ben', 2)], rows by pandas 2, by csv 2
blank line at the end: polars [('Ada', 1), ('Ben', 2), (None, None)], rows by pandas 2, by csv 2
blank line between: polars [('Ada', 1), (None, None), ('Ben', 2)], rows by pandas 2, by csv 2
SEEN
echo "as described"
