"""The verbs of `sbclap` that make and check shards.

Authors
 * The speechbrain_clap team 2026
"""

import sys

from speechbrain_clap.dataio.manifest import read_manifest
from speechbrain_clap.dataio.shard_index import index_shards
from speechbrain_clap.dataio.shard_packing import pack, verify


def add_shard_verbs(verbs):
    """Adds `pack`, `index-shards` and `verify` to the command.

    Arguments
    ---------
    verbs : argparse._SubParsersAction
        Of the command's parser. Each verb's options get a `run`, which takes
        them and returns the exit status.

    Example
    -------
    >>> import argparse
    >>> parser = argparse.ArgumentParser()
    >>> add_shard_verbs(parser.add_subparsers())
    >>> parser.parse_args(["verify", "shards"]).folder
    'shards'
    """
    make = verbs.add_parser(
        "pack",
        help="pack a manifest's sounds and captions into WebDataset tars",
        description="Packs a manifest into tars. After a kill the same "
        "command goes on.",
    )
    make.add_argument("manifest", help="a .json or .csv manifest")
    make.add_argument("folder", help="for the tars and their index")
    make.add_argument(
        "--data_root",
        default=".",
        help='what "{data_root}" in the manifest stands for; default: here',
    )
    make.add_argument(
        "--shard_megabytes",
        type=float,
        default=1000.0,
        help="size of a tar at most, in 10^6 bytes; default: 1000",
    )
    make.add_argument(
        "--prefix", default="shard", help="of the tars' names; default: shard"
    )
    make.set_defaults(run=_pack)
    index = verbs.add_parser(
        "index-shards",
        help="make the index of WebDataset tars that others wrote",
    )
    index.add_argument("folder", help="holds the tars; gets index.json")
    index.set_defaults(run=_index)
    for verb in (make, index):
        verb.add_argument(
            "--on_bad_clip",
            choices=("skip", "stop"),
            default="skip",
            help="what to do about what cannot be used; default: skip",
        )
    check = verbs.add_parser(
        "verify", help="compare shards with their checksums"
    )
    check.add_argument("folder", help="holds the tars and checksums.sha256")
    check.set_defaults(run=_verify)


def _pack(options):
    rows = read_manifest(
        options.manifest,
        options.data_root,
        needed=("path",),
        on_bad_clip=options.on_bad_clip,
    )
    _tell(
        pack(
            rows,
            options.folder,
            options.shard_megabytes,
            options.prefix,
            options.on_bad_clip,
        )
    )
    return 0


def _index(options):
    _tell(index_shards(options.folder, options.on_bad_clip))
    return 0


def _verify(options):
    problems = verify(options.folder)
    for name, problem in problems.items():
        print(f"sbclap: {name}: {problem}", file=sys.stderr)
    if not problems:
        print(f"{options.folder}: all tars are as their checksums say")
    return int(bool(problems))


def _tell(report):
    print(
        f"{report['clips']} clips in {report['shards']} shards, "
        f"{len(report['bad'])} left out"
    )
