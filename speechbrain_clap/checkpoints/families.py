"""The published weights that can be loaded: one row for each family.

Authors
 * The speechbrain_clap team 2026
"""

import dataclasses

UNVERIFIED = "unverified"  # nobody has checked the licence of the weights


@dataclasses.dataclass(frozen=True)
class Family:
    """What is known of one file of published weights.

    Arguments
    ---------
    name : str
        How ``load_published`` calls it.
    paper : str
        Address of the paper.
    code : str
        The authors' repository.
    address : str
        Where the file is: one that can be fetched, or a page to look at.
    file : str
        Its official name.
    direct : bool
        Whether `address` can be fetched.
    size : int or None
        Bytes, where they are published.
    md5 : str or None
        Hash, where it is published.
    sha256_start : str or None
        First characters of the hash, where they are published.
    code_licence : str
        Licence of the authors' code.
    weights_licence : str
        Licence of the file.
    sample_rate : int
        In Hz.
    clip_seconds : float
        Length that the network was trained on.
    clip_policy : dict
        What is done with shorter and longer sounds: `padding` and `long`, as
        ``speechbrain_clap.inference.clap.CLAP`` has them.
    clip_note : str
        What the original does, where it differs from `clip_policy`.
    prompt : str or None
        The template of the published zero-shot figures.
    container : tuple of str
        Keys that lead to the state dict within the file.
    prefix : str
        What is removed from the front of each of its keys.

    Example
    -------
    >>> FAMILIES["wav2clip"].sample_rate
    16000
    """

    name: str
    paper: str
    code: str
    address: str
    file: str
    code_licence: str
    sample_rate: int
    clip_seconds: float
    clip_policy: dict
    clip_note: str = ""
    direct: bool = True
    size: int | None = None
    md5: str | None = None
    sha256_start: str | None = None
    weights_licence: str = UNVERIFIED
    prompt: str | None = None
    container: tuple = ()
    prefix: str = ""


_MICROSOFT = {
    "code": "https://github.com/microsoft/CLAP",
    "code_licence": "MIT",
    "sample_rate": 44100,
    "clip_policy": {"padding": "repeat", "long": "center"},
    "clip_note": (
        "of a longer sound the original takes a random piece; the channels of "
        "stereo are laid one after the other, ours are averaged"
    ),
    "prompt": "this is the sound of {}",
    "container": ("model",),
}
_MICROSOFT_FILES = "https://huggingface.co/microsoft/msclap/resolve/main/"
_LAION = {
    "paper": "https://arxiv.org/abs/2211.06687",
    "code": "https://github.com/LAION-AI/CLAP",
    "code_licence": "CC0-1.0",
    "sample_rate": 48000,
    "clip_seconds": 10.0,
    "prompt": "This is a sound of {}.",
}
_LAION_FILE = {"container": ("state_dict",), "prefix": "module."}
_LAION_FILES = "https://huggingface.co/lukewys/laion_clap/resolve/main/"
_UNFUSED = {
    "clip_policy": {"padding": "repeat-zero", "long": "windows"},
    "clip_note": (
        "of a longer sound the original takes a random piece; it rounds waves "
        "to 16 bits, which changes nothing in a 16-bit file"
    ),
}

_ROWS = (
    Family(
        name="msclap_2022",
        paper="https://arxiv.org/abs/2206.04769",
        address=_MICROSOFT_FILES + "CLAP_weights_2022.pth",
        file="CLAP_weights_2022.pth",
        clip_seconds=5.0,
        **_MICROSOFT,
    ),
    Family(
        name="msclap_2023",
        paper="https://arxiv.org/abs/2309.05767",
        address=_MICROSOFT_FILES + "CLAP_weights_2023.pth",
        file="CLAP_weights_2023.pth",
        clip_seconds=7.0,
        **_MICROSOFT,
    ),
    Family(
        name="msclap_clapcap",
        paper="https://arxiv.org/abs/2309.05767",
        address=_MICROSOFT_FILES + "clapcap_weights_2023.pth",
        file="clapcap_weights_2023.pth",
        clip_seconds=7.0,
        **_MICROSOFT,
    ),
    Family(
        name="laion_clap_htsat_tiny_unfused",
        address=_LAION_FILES + "630k-audioset-best.pt",
        file="630k-audioset-best.pt",
        **_LAION,
        **_LAION_FILE,
        **_UNFUSED,
    ),
    Family(
        name="laion_clap_htsat_tiny_fused",
        address=_LAION_FILES + "630k-audioset-fusion-best.pt",
        file="630k-audioset-fusion-best.pt",
        clip_policy={"padding": "repeat-zero", "long": "whole"},
        clip_note=(
            "the original draws the three pieces of a longer sound at random; "
            "ours lie in the middle of its thirds"
        ),
        **_LAION,
        **_LAION_FILE,
    ),
    Family(
        name="laion_clap_transformers",
        address="https://huggingface.co/laion/clap-htsat-unfused",
        file="a folder with config.json and model.safetensors",
        direct=False,
        **_LAION,
        **_UNFUSED,
    ),
    Family(
        name="htsat_audioset",
        paper="https://arxiv.org/abs/2202.00874",
        code="https://github.com/RetroCirce/HTS-Audio-Transformer",
        address=(
            "https://drive.google.com/drive/folders/"
            "1f5VYMk0uos_YnuBshgmaTVioXbs7Kmz6"
        ),
        file="HTSAT_AudioSet_Saved_1.ckpt",
        direct=False,
        code_licence="MIT",
        sample_rate=32000,
        clip_seconds=10.0,
        clip_policy={"padding": "zero", "long": "whole"},
        clip_note="its script for prediction loads at 16 kHz by mistake",
        container=("state_dict",),
        prefix="sed_model.",
    ),
    Family(
        name="esresnext_fbsp",
        paper="https://arxiv.org/abs/2104.11587",
        code="https://github.com/AndreyGuzhov/ESResNeXt-fbsp",
        address=(
            "https://github.com/AndreyGuzhov/ESResNeXt-fbsp/releases/download/"
            "v0.1/ESResNeXtFBSP_AudioSet.pt"
        ),
        file="ESResNeXtFBSP_AudioSet.pt",
        size=124801585,
        code_licence="none (AudioCLIP's copy of the same code is MIT)",
        sample_rate=44100,
        clip_seconds=10.0,
        clip_policy={"padding": "zero", "long": "whole"},
    ),
    Family(
        name="audioclip",
        paper="https://arxiv.org/abs/2106.13043",
        code="https://github.com/AndreyGuzhov/AudioCLIP",
        address=(
            "https://github.com/AndreyGuzhov/AudioCLIP/releases/download/v0.1/"
            "AudioCLIP-Full-Training.pt"
        ),
        file="AudioCLIP-Full-Training.pt",
        size=537302068,
        code_licence="MIT",
        sample_rate=44100,
        clip_seconds=5.0,
        clip_policy={"padding": "zero", "long": "whole"},
        prompt="{}",
    ),
    Family(
        name="wav2clip",
        paper="https://arxiv.org/abs/2110.11499",
        code="https://github.com/descriptinc/lyrebird-wav2clip",
        address=(
            "https://github.com/descriptinc/lyrebird-wav2clip/releases/"
            "download/v0.1.0-alpha/Wav2CLIP.pt"
        ),
        file="Wav2CLIP.pt",
        code_licence="MIT",
        sample_rate=16000,
        clip_seconds=5.0,
        clip_policy={"padding": "zero", "long": "whole"},
        clip_note=(
            "the original standardises over the whole batch, so that a clip's "
            'embedding depends on its neighbours; with prefer="ours" each clip '
            "is standardised by itself"
        ),
    ),
    Family(
        name="panns_cnn14",
        paper="https://arxiv.org/abs/1912.10211",
        code="https://github.com/qiuqiangkong/audioset_tagging_cnn",
        address=(
            "https://zenodo.org/records/3987831/files/Cnn14_mAP%3D0.431.pth"
        ),
        file="Cnn14_mAP=0.431.pth",
        size=327428481,
        md5="541141fa2ee191a88f24a3219fff024e",
        code_licence="MIT",
        sample_rate=32000,
        clip_seconds=10.0,
        clip_policy={"padding": "zero", "long": "whole"},
        container=("model",),
    ),
    Family(
        name="vggish",
        paper="https://arxiv.org/abs/1609.09430",
        code="https://github.com/harritaylor/torchvggish",
        address=(
            "https://github.com/harritaylor/torchvggish/releases/download/"
            "v0.1/vggish-10086976.pth"
        ),
        file="vggish-10086976.pth",
        sha256_start="10086976",  # torch.hub's habit: it is in the file's name
        code_licence="Apache-2.0",
        sample_rate=16000,
        clip_seconds=0.96,
        clip_policy={"padding": "zero", "long": "whole"},
    ),
)
FAMILIES = {row.name: row for row in _ROWS}


def find_family(name):
    """The row of a family.

    Arguments
    ---------
    name : str
        Its name.

    Returns
    -------
    Family
        The row.

    Raises
    ------
    ValueError
        If there is none; the message lists those that there are.

    Example
    -------
    >>> find_family("panns_cnn14").container
    ('model',)
    """
    if name not in FAMILIES:
        raise ValueError(
            f"there is no family '{name}' of published weights: expected one "
            f"of {', '.join(FAMILIES)}"
        )
    return FAMILIES[name]
