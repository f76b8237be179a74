"""What a user holds: encode, compare, classify, search.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.inference.audioclip import AudioCLIP
from speechbrain_clap.inference.clap import CLAP
from speechbrain_clap.inference.query_modifier import QueryModifierRetrieval
from speechbrain_clap.inference.search import SoundIndex

__all__ = ["AudioCLIP", "CLAP", "QueryModifierRetrieval", "SoundIndex"]
