"""Published weights: read safely, checked key by key, and written back.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.checkpoints.families import FAMILIES
from speechbrain_clap.checkpoints.published import (
    load_published,
    save_published,
)
from speechbrain_clap.checkpoints.reading import CheckpointError

__all__ = ["FAMILIES", "CheckpointError", "load_published", "save_published"]
