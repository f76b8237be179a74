"""What a user holds: encode, compare, classify, search, caption.

Authors
 * The speechbrain_clap team 2026
"""

from speechbrain_clap.inference.audioclip import AudioCLIP
from speechbrain_clap.inference.captioner import Captioner
from speechbrain_clap.inference.clap import CLAP
from speechbrain_clap.inference.query_modifier import QueryModifierRetrieval
from speechbrain_clap.inference.search import SoundIndex
from speechbrain_clap.inference.wav2clip import Wav2CLIP

__all__ = [
    "AudioCLIP",
    "CLAP",
    "Captioner",
    "QueryModifierRetrieval",
    "SoundIndex",
    "Wav2CLIP",
]
