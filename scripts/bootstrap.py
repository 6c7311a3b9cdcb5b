"""Make the virtual environment; runs on any python 3 so that an old one gets a sentence, not a traceback."""

import subprocess
import sys

if sys.version_info < (3, 11):
    sys.exit("assay needs python 3.11 or newer, this is %s; try `make PYTHON=python3.11 ...`" % sys.version.split()[0])
try:
    import ensurepip  # noqa: F401  (venv needs it)
    import venv  # noqa: F401
except ImportError:
    sys.exit("python has no ensurepip: on Debian and Ubuntu run `apt-get install python3-venv`")
print("making a virtual environment in " + sys.argv[1], flush=True)
sys.exit(subprocess.call([sys.executable, "-m", "venv", sys.argv[1]]))
