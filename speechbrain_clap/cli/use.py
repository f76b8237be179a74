"""The verbs of `sbclap` that use a model on files: classify, embed, caption.

Authors
 * The speechbrain_clap team 2026
"""

import sys

import numpy

from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.inference.opening import open_captioner, open_model
from speechbrain_clap.utils.files import atomic_write

BATCH = 16  # files captioned at once


def add_use_verbs(verbs):
    """Adds `classify`, `embed` and `caption` to the command's verbs.

    Arguments
    ---------
    verbs : argparse._SubParsersAction
        From ``ArgumentParser.add_subparsers``.

    Example
    -------
    >>> import argparse
    >>> parser = argparse.ArgumentParser()
    >>> add_use_verbs(parser.add_subparsers(dest="verb"))
    >>> parser.parse_args(["caption", "model", "a.wav"]).files
    ['a.wav']
    """
    classify = verbs.add_parser(
        "classify", help="tell which label each file sounds like"
    )
    embed = verbs.add_parser("embed", help="write the files' embeddings")
    caption = verbs.add_parser("caption", help="write what is heard in words")
    for verb, example in (
        (classify, "msclap_2023"),
        (embed, "msclap_2023"),
        (caption, "msclap_clapcap"),
    ):
        verb.add_argument(
            "model",
            help="folder that training left (model/), or a name of published "
            f"weights, such as {example}",
        )
        verb.add_argument("files", nargs="+", help="sound files")
        verb.add_argument(
            "--weights",
            help="the file of published weights; default: downloaded once",
        )
        verb.add_argument(
            "--device", help="cpu or cuda; default: a GPU if there is one"
        )
    classify.add_argument(
        "--labels", nargs="+", help="any words; default: those of training"
    )
    classify.set_defaults(run=_classify)
    embed.add_argument("--output", required=True, help="a .npy file, [N, D]")
    embed.set_defaults(run=_embed)
    caption.add_argument(
        "--prompt", help="what the captions follow; default: that of training"
    )
    caption.add_argument(
        "--beam_size",
        type=int,
        help="1 is greedy; default: the model's own",
    )
    caption.add_argument(
        "--top_p",
        type=float,
        help="draw by nucleus sampling, from this share of the probability",
    )
    caption.add_argument("--seed", type=int, help="of these draws; default: 0")
    caption.set_defaults(run=_caption)


def _open(options):
    return open_model(options.model, options.weights, options.device)


def _classify(options):
    model = _open(options)
    if not hasattr(model, "classify_file"):
        raise ValueError(
            f"{options.model}: {type(model).__name__} does not classify by "
            "words. Use a CLAP, an AudioCLIP or a Wav2CLIP"
        )

    def _answer(files):
        for path in files:
            scores = model.classify_file(path, options.labels)
            best = [f"{name} {p:.3f}" for name, p in scores.items()][:3]
            yield "  ".join(best)

    return _print_each(options.files, 1, _answer)


def _embed(options):
    embeddings = _open(options).encode_audio_files(options.files)
    with atomic_write(options.output) as temporary:
        with open(temporary, "wb") as stream:
            numpy.save(stream, embeddings.cpu().numpy())
    return 0


def _caption(options):
    write = open_captioner(options.model, options.weights, options.device)
    names = ("prompt", "beam_size", "top_p", "seed")
    given = {name: getattr(options, name) for name in names}
    given = {name: x for name, x in given.items() if x is not None}
    return _print_each(options.files, BATCH, lambda x: write(x, **given))


def _print_each(files, batch_size, answer):
    """A line for each file; a bad one costs its own line, and the exit code."""
    bad = 0
    for first in range(0, len(files), batch_size):
        batch = files[first : first + batch_size]
        try:
            said = list(answer(batch))
        except BadClipError as error:
            if len(batch) > 1:  # which of them is bad?
                bad += _print_each(batch, 1, answer)
                continue
            print(f"sbclap: {error}", file=sys.stderr)
            bad = 1
            continue
        for path, words in zip(batch, said, strict=True):
            print(f"{path}\t{words}", flush=True)
    return min(bad, 1)
