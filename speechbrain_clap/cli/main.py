"""The command `sbclap`: use a trained model, search, pack shards.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import sys

from speechbrain_clap.checkpoints import CheckpointError
from speechbrain_clap.cli.search import add_search_verbs
from speechbrain_clap.cli.shards import add_shard_verbs
from speechbrain_clap.cli.use import add_use_verbs
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.download import DownloadError


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
    add_use_verbs(verbs)
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


if __name__ == "__main__":
    sys.exit(main())
