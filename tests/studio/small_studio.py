"""`assay studio` whose demonstration is a small one: `python small_studio.py OPTIONS`."""

from __future__ import annotations

import sys
from functools import partial

from assay.service import demo

demo.start_demo = partial(demo.start_demo, days=120, permutations=9)

from assay.__main__ import run  # noqa: E402  (after that)

sys.argv = ["assay", "studio", *sys.argv[1:]]
sys.exit(run())
