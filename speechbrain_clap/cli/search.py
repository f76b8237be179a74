"""The verbs of `sbclap` that index a folder of sounds and search in it.

Authors
 * The speechbrain_clap team 2026
"""

import os
import sys

from speechbrain_clap.evaluation.search_page import write_search_page
from speechbrain_clap.inference.search import SoundIndex

SHOWN = 20  # unreadable files that are named


def add_search_verbs(verbs):
    """Adds `index` and `search` to the command.

    Arguments
    ---------
    verbs : argparse._SubParsersAction
        Of the command's parser. Each verb's options get a `run`, which takes
        them and returns the exit status.

    Example
    -------
    >>> import argparse
    >>> parser = argparse.ArgumentParser()
    >>> add_search_verbs(parser.add_subparsers())
    >>> parser.parse_args(["search", "index", "a dog", "--k", "3"]).k
    3
    """
    index = verbs.add_parser(
        "index",
        help="index a folder of sounds, or bring its index up to date",
        description="Embeds what is new or changed and drops what has "
        "vanished. After a kill the same command goes on.",
    )
    index.add_argument("sounds", help="folder of sounds, with all below it")
    index.add_argument("index", help="folder of the index; made when missing")
    index.add_argument(
        "--batch_size",
        type=int,
        default=16,
        help="sounds embedded at once; default: 16",
    )
    index.add_argument(
        "--retry",
        action="store_true",
        help="try unreadable files again that have not changed",
    )
    index.set_defaults(run=_index)
    search = verbs.add_parser(
        "search",
        help="find sounds by words, by a sound, or by both",
        description="Prints cosine and file, best first. Weights multiply "
        "all that is of their kind; a negative one means: unlike it.",
    )
    search.add_argument("index", help="folder of an index")
    search.add_argument(
        "text",
        nargs="*",
        help="what the sound should be; follows the index at once",
    )
    search.add_argument(
        "--sound",
        action="append",
        default=[],
        help="what it should be like: a file; may be repeated",
    )
    search.add_argument(
        "--modifier",
        action="append",
        default=[],
        help='how it should differ, such as "add dog bark"; may be repeated',
    )
    for kind in ("text", "sound", "modifier"):
        search.add_argument(f"--{kind}_weight", type=float, default=1.0)
    search.add_argument(
        "--refine",
        action="append",
        default=[],
        metavar="MODIFIER",
        help="go on from the best sound; may be repeated",
    )
    search.add_argument(
        "--k", type=int, default=10, help="how many to find; default: 10"
    )
    search.add_argument("--report", help="an HTML page with players")
    search.add_argument(
        "--approximate",
        action="store_true",
        help="by faiss: faster from millions of sounds on",
    )
    search.set_defaults(run=_search)
    for verb in (index, search):
        verb.add_argument(
            "--model",
            help="folder that training left (model/), or a name of published "
            "weights; default: what the index was made with",
        )
        verb.add_argument(
            "--weights",
            help="the file of published weights; default: downloaded once",
        )
        verb.add_argument(
            "--device", help="cpu or cuda; default: a GPU if there is one"
        )


def _open(options):
    return SoundIndex(
        options.index, options.model, options.weights, options.device
    )


def _index(options):
    report = _open(options).update(
        options.sounds, options.batch_size, options.retry
    )
    bad = list(report.unreadable.items())
    for path, problem in bad[:SHOWN]:
        print(f"sbclap: {_plain(path)}: {problem}", file=sys.stderr)
    if len(bad) > SHOWN:
        print(f"sbclap: and {len(bad) - SHOWN} more", file=sys.stderr)
    print(report)
    return 0


def _search(options):
    index = _open(options)
    asked = {
        kind: {
            what: getattr(options, f"{kind}_weight")
            for what in getattr(options, kind)
        }
        for kind in ("text", "sound", "modifier")
    }
    exact = not options.approximate
    answers = [index.search(**asked, k=options.k, exact=exact)]
    for modifier in options.refine:
        weighted = {modifier: options.modifier_weight}
        answers.append(
            index.refine(answers[-1], weighted, options.k, exact=exact)
        )
    for hit in answers[-1]:
        print(f"{hit.cosine:.4f}\t{_plain(hit.file)}")
    if options.report:
        print(
            f"report: {write_search_page(options.report, answers)}",
            file=sys.stderr,
        )
    return 0


def _plain(path):
    """A name that can be printed, whatever its bytes are."""
    return os.fsencode(path).decode("utf-8", "replace")
