"""The command line of a recipe: its options, and mistakes told in one line.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib
import json
import shlex
import subprocess
import sys

import speechbrain as sb
import yaml
from speechbrain.utils.logger import get_logger

from speechbrain_clap.checkpoints.reading import CheckpointError
from speechbrain_clap.dataio.audio import BadClipError
from speechbrain_clap.dataio.download import DownloadError
from speechbrain_clap.dataio.folds import DataError
from speechbrain_clap.dataio.manifest import ManifestError
from speechbrain_clap.utils.hparams import (
    HparamsError,
    check_same_experiment,
    into_fragments,
    load_hparams,
)

logger = get_logger(__name__)

MISTAKES = (
    HparamsError,
    ManifestError,
    BadClipError,
    CheckpointError,
    DataError,
    DownloadError,
    FileNotFoundError,
)


@contextlib.contextmanager
def told_in_one_line():
    """Ends the program with one line for what is the user's to mend.

    A mistyped key, a missing folder, a bad clip that is to stop: no traceback.

    Raises
    ------
    SystemExit
        With the name of the error and its message.

    Example
    -------
    >>> with told_in_one_line():
    ...     raise FileNotFoundError("data_folder /x does not exist")
    Traceback (most recent call last):
    ...
    SystemExit: FileNotFoundError: data_folder /x does not exist
    """
    try:
        yield
    except MISTAKES as error:
        sys.exit(f"{type(error).__name__}: {error}")


def parse(arguments):
    """Reads a command line and joins the ranks of a ``torchrun``.

    Arguments
    ---------
    arguments : list of str
        What follows the script's name.

    Returns
    -------
    str
        The YAML.
    dict
        SpeechBrain's run options.
    dict
        Changes to the YAML; those of a fragment's keys within the fragment's.

    Example
    -------
    >>> file, run_opts, overrides = parse(["a.yaml", "--lr=0.1", "--debug"])
    >>> file, run_opts["debug"], overrides
    ('a.yaml', True, {'lr': 0.1})
    """
    sb.utils.logger.setup_logging()
    hparams_file, run_opts, overrides = sb.parse_arguments(arguments)
    sb.utils.distributed.ddp_init_group(run_opts)
    overrides = yaml.safe_load(overrides) or {}
    return hparams_file, run_opts, into_fragments(hparams_file, overrides)


def run_recipe(run, arguments):
    """Runs a recipe once.

    Arguments
    ---------
    run : callable
        Takes hparams_file, run_opts and overrides (a dict).
    arguments : list of str
        What follows the script's name.

    Example
    -------
    >>> run_recipe(lambda file, *_: print(file), ["a.yaml"])
    a.yaml
    """
    with told_in_one_line():
        run(*parse(arguments))


def load_experiment(hparams_file, run_opts, overrides):
    """Loads the YAML, unless its output folder holds another experiment.

    Arguments
    ---------
    hparams_file : str
        The YAML of the experiment.
    run_opts : dict
        SpeechBrain's run options.
    overrides : dict
        Changes to the YAML.

    Returns
    -------
    dict
        The hyperparameters, with the objects made.

    Raises
    ------
    HparamsError
        If a key is none, or the folder holds another experiment.

    Example
    -------
    >>> load_experiment("no.yaml", {}, {})
    Traceback (most recent call last):
    ...
    speechbrain_clap.utils.hparams.HparamsError: no.yaml: there is no such ...
    """
    hparams = load_hparams(hparams_file, overrides)
    if not run_opts.get("test_only"):
        check_same_experiment(hparams["output_folder"], hparams_file, overrides)
    return hparams


def run_step(start, yaml, folder, done, options, run_options):
    """Runs one command, unless the file that it writes last is there.

    Arguments
    ---------
    start : list of str
        What starts the script, and the script.
    yaml : str or pathlib.Path
        Its YAML.
    folder : pathlib.Path
        Its output folder; `output.txt` in it gets what the command says.
    done : str
        The file in it that it writes last.
    options : dict
        Changes to the YAML.
    run_options : dict
        SpeechBrain's run options, such as `device`; True for a switch.

    Raises
    ------
    DataError
        If it fails.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> code = "import sys; open(sys.argv[2].split('=')[1] + '/d', 'w')"
    >>> start = [sys.executable, "-c", code]
    >>> run_step(start, "a.yaml", folder, "d", {}, {})
    >>> (folder / "d").is_file()
    True
    """
    if (folder / done).is_file():
        logger.info("%s is done", folder)
        return
    options = {"output_folder": str(folder), **options}
    # JSON is YAML: a text such as {} stays one between quotes.
    words = [
        f"--{key}={x if _is_plain(x) else json.dumps(x)}"
        for key, x in options.items()
    ]
    words += [
        f"--{key}" if x is True else f"--{key}={x}"
        for key, x in run_options.items()
    ]
    command = [*start, str(yaml), *words]
    logger.info("Running %s", shlex.join(command))
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "output.txt", "a", encoding="utf-8") as log:
        code = subprocess.run(command, stdout=log, stderr=log).returncode
    if code or not (folder / done).is_file():
        raise DataError(
            f"{yaml} ended with {code}: see {folder / 'output.txt'}"
        )


def _is_plain(value):
    """Whether YAML takes a text for just that text."""
    try:
        return isinstance(value, str) and yaml.safe_load(value) == value
    except yaml.YAMLError:
        return False
