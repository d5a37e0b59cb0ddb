# The same with the oldest version that is common.
import importlib.metadata, os, runpy, sys
sys.path.insert(0, os.path.join(sys.prefix, os.pardir, "oldest"))
assert importlib.metadata.version("standardwebhooks") == "1.0.0"
runpy.run_path(os.path.join(os.path.dirname(__file__), "standard.py"))
