"""Install the project into the running environment once; a second call finds a stamp and does nothing."""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Install with the given extras unless this pyproject and these constraints are installed with them already."""
    extra = f"[{sys.argv[1]}]" if len(sys.argv) > 1 else ""
    wanted = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        wanted.update((ROOT / name).read_bytes())
    stamp = Path(sys.prefix) / f".assay-installed{extra}"
    place = f"{wanted.hexdigest()} {ROOT}"
    stamps = stamp.parent.glob(".assay-installed*")
    if any(found.read_text() == place and extras(found) >= extras(stamp) for found in stamps):
        return 0
    started = time.monotonic()
    print("installing Assay and its libraries (once; about a minute) ...", flush=True)
    uv = shutil.which("uv")
    command = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    command += ["--quiet", "--constraint", str(ROOT / "constraints.txt"), "--editable", f"{ROOT}{extra}"]
    code = subprocess.call(command)
    if code == 0:
        stamp.write_text(place)
        print(f"installed in {time.monotonic() - started:.0f} s", flush=True)
    else:
        print("the installation failed: the lines above say why (is the network there?)", file=sys.stderr)
    return code


def extras(stamp: Path) -> set[str]:
    """Return the extras that a stamp stands for: all of them are installed."""
    return set(stamp.name.removeprefix(".assay-installed").strip("[]").split(",")) - {""}


if __name__ == "__main__":
    sys.exit(main())
