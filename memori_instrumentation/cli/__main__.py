"""``python -m memori_instrumentation.cli``: the same as ``memori-instrument``."""

import sys

from memori_instrumentation.cli import main

sys.exit(main())
