"""Scripts of this folder import one another, also as pytest looks at them.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
