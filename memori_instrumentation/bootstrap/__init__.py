"""What ``memori-instrument`` puts first on ``PYTHONPATH``: this directory, its ``sitecustomize``.

Nothing else may live here: every module in this directory is importable by its bare name in the
programs that are run.
"""

import os

DIRECTORY = os.path.dirname(os.path.abspath(__file__))
"""The entry for ``PYTHONPATH``."""
