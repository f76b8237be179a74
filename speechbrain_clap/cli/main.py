"""The command `sbclap`: use a trained model, search, pack shards.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import sys

import numpy

from speechbrain_clap.checkpoints import FAMILIES, CheckpointError
from speechbrain_clap.cli.search import add_search_verbs
from speechbrain_clap.cli.shards import add_shard_verbs
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.download import DownloadError
from speechbrain_clap.inference import CLAP
from speechbrain_clap.utils.files import atomic_write


def main(arguments=None):
    """Runs the command.

    Arguments
    ---------
    arguments : list of str or None
        What follows the command's name; None takes them from the shell.

    Returns
    -------
    int
        0, or 1 after an error, which is printed in one line, and where
        `verify` found a broken tar.

    Example
    -------
    >>> main(["classify", "/no/such/model", "a.wav"])
    1
    """
    parser = argparse.ArgumentParser(
        prog="sbclap", description="Sounds and language with CLAP."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    classify = verbs.add_parser(
        "classify", help="tell which label each file sounds like"
    )
    embed = verbs.add_parser("embed", help="write the files' embeddings")
    for verb in (classify, embed):
        verb.add_argument(
            "model",
            help="folder that training left (model/), or a name of published "
            "weights, such as msclap_2023",
        )
        verb.add_argument(
            "--weights",
            help="the file of published weights; default: downloaded once",
        )
        verb.add_argument("files", nargs="+", help="sound files")
    classify.add_argument(
        "--labels", nargs="+", help="any words; default: those of training"
    )
    embed.add_argument("--output", required=True, help="a .npy file, [N, D]")
    classify.set_defaults(run=_classify)
    embed.set_defaults(run=_embed)
    add_search_verbs(verbs)
    add_shard_verbs(verbs)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (
        BadClipError,
        CheckpointError,
        DownloadError,
        ImportError,  # of a package that only some verbs need
        OSError,
        ValueError,
    ) as error:
        print(f"sbclap: {error}", file=sys.stderr)
        return 1


def _load(options):
    if options.model in FAMILIES:
        return CLAP.from_published(options.model, options.weights)
    return CLAP.from_hparams(source=options.model)


def _classify(options):
    clap = _load(options)
    for path in options.files:
        scores = clap.classify_file(path, options.labels)
        best = [f"{name} {p:.3f}" for name, p in scores.items()][:3]
        print(f"{path}\t{'  '.join(best)}")
    return 0


def _embed(options):
    embeddings = _load(options).encode_audio_files(options.files)
    with atomic_write(options.output) as temporary:
        with open(temporary, "wb") as stream:
            numpy.save(stream, embeddings.cpu().numpy())
    return 0


if __name__ == "__main__":
    sys.exit(main())
