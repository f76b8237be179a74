"""Loading the YAML of a recipe, with errors that say what was meant.

Authors
 * The speechbrain_clap team 2026
"""

import difflib
import os

import ruamel.yaml
import yaml
from hyperpyyaml import load_hyperpyyaml, resolve_references


class HparamsError(ValueError):
    """A YAML file or an override of it that cannot be used.

    Example
    -------
    >>> raise HparamsError("--batch_sise: did you mean --batch_size?")
    Traceback (most recent call last):
    ...
    speechbrain_clap.utils.hparams.HparamsError: --batch_sise: did you ...
    """


def _as_dict(overrides):
    if isinstance(overrides, str):
        return yaml.load(overrides, Loader=yaml.Loader) or {}
    return dict(overrides or {})


def load_hparams(hparams_file, overrides=None):
    """Loads a HyperPyYAML file.

    Arguments
    ---------
    hparams_file : str
        The file.
    overrides : str or dict or None
        Changes to its keys, as ``speechbrain.parse_arguments`` gives them.

    Returns
    -------
    dict
        The hyperparameters, with the objects made.

    Raises
    ------
    HparamsError
        If there is no such file, or an override names no key of it: the
        message says which key was probably meant.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.yaml"
    >>> _ = path.write_text("batch_size: 2")
    >>> load_hparams(path, "{batch_size: 3}")
    {'batch_size': 3}
    >>> load_hparams(path, "{batch_sise: 3}")
    Traceback (most recent call last):
    ...
    speechbrain_clap.utils.hparams.HparamsError: ...mean --batch_size?
    """
    if not os.path.isfile(hparams_file):
        raise HparamsError(
            f"{hparams_file}: there is no such file; the first argument is "
            "the YAML of an experiment, relative to the current folder"
        )
    overrides = _as_dict(overrides)
    keys, fragments = _keys(hparams_file)
    known = [*keys, *fragments]
    for key in overrides:
        if key not in keys:
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            meant = (
                f"did you mean --{close[0]}?"
                if close
                else f"its keys are {', '.join(known)}"
            )
            raise HparamsError(f"--{key}: no key of {hparams_file}; {meant}")
    with open(hparams_file, encoding="utf-8") as stream:
        return load_hyperpyyaml(stream, overrides)


def _keys(hparams_file):
    """A YAML's own keys, and those of its fragments, at any depth.

    The latter with the keys that lead to the fragment. What the file has
    itself, or two fragments of one depth have, is not among them.
    """
    with open(hparams_file, encoding="utf-8") as stream:
        tree = ruamel.yaml.YAML().load(stream)
    fragments, twice = {}, set()
    for name, node in tree.items():
        tag = str(getattr(getattr(node, "tag", None), "value", None) or "")
        if not tag.startswith("!include:"):
            continue
        folder = os.path.dirname(os.path.realpath(hparams_file))
        own, below = _keys(os.path.join(folder, tag.removeprefix("!include:")))
        given = list(node) if isinstance(node, dict) else []
        for key, path in {
            **below,
            **dict.fromkeys((*own, *given), ()),
        }.items():
            if len(fragments.get(key, ())) == len(path) + 1:
                twice.add(key)
            elif key not in fragments or len(fragments[key]) > len(path) + 1:
                fragments[key] = (name, *path)
    fragments = {
        key: path
        for key, path in fragments.items()
        if key not in tree and key not in twice
    }
    return list(tree), fragments


def into_fragments(hparams_file, overrides):
    """Hands overrides of a fragment's keys on to the fragment.

    Arguments
    ---------
    hparams_file : str
        A YAML that takes in others with ``!include:``.
    overrides : dict
        Changes to its keys, or to theirs.

    Returns
    -------
    dict
        Changes to its keys alone.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "part.yaml").write_text("lr: 0.1")
    >>> _ = (folder / "a.yaml").write_text("training: !include:part.yaml")
    >>> into_fragments(folder / "a.yaml", {"lr": 0.2})
    {'training': {'lr': 0.2}}
    """
    if not os.path.isfile(hparams_file):
        return overrides  # load_hparams tells
    keys, fragments = _keys(hparams_file)
    handed = {}
    for key, value in overrides.items():
        if key in keys or key not in fragments:
            handed[key] = value
            continue
        inner = handed
        for name in fragments[key]:
            inner = inner.setdefault(name, {})
        inner[key] = value
    return handed


def plain_values(hparams_file, overrides=None):
    """The keys of a YAML file that are plain values, with overrides applied.

    Arguments
    ---------
    hparams_file : str
        A HyperPyYAML file.
    overrides : str or dict or None
        Changes to its keys.

    Returns
    -------
    dict
        Key to str, int, float, bool, None or list of these.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.yaml"
    >>> _ = path.write_text("a: 1\\nb: !ref <a>\\nc: !new:list []")
    >>> plain_values(path, "{a: 2}")
    {'a': 2, 'b': 2}
    """
    with open(hparams_file, encoding="utf-8") as stream:
        text = resolve_references(stream, _as_dict(overrides)).read()
    return _plain(yaml.compose(text, Loader=yaml.SafeLoader))


def _plain(mapping):
    """A mapping's values but for objects, at any depth."""
    values = {}
    for key, node in mapping.value:
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(":map"):
            values[key.value] = _plain(node)
            continue
        try:
            maker = yaml.constructor.SafeConstructor()
            values[key.value] = maker.construct_document(node)
        except yaml.constructor.ConstructorError:
            continue  # an object
    return values


# What may differ when a run goes on in its folder: where the work is done
# and how long, not what it computes.
FREE_KEYS = {
    "cache_megabytes",
    "download",
    "features_folder",
    "manifest_folder",
    "num_workers",
    "output_folder",
    "save_folder",
}


def _what_counts(values):
    return {
        key: _what_counts(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if key not in FREE_KEYS
    }


def _differences(before, now, name="{}"):
    """Words for each value that both have and that differs."""
    for key in sorted(before.keys() & now.keys()):
        full = name.format(key)
        if isinstance(before[key], dict) and isinstance(now[key], dict):
            yield from _differences(before[key], now[key], full + "[{}]")
        elif before[key] != now[key]:
            yield f"{full}: {before[key]} there, {now[key]} now"


def check_same_experiment(output_folder, hparams_file, overrides=None):
    """Refuses to go on in a folder that holds another experiment.

    A run that finds checkpoints in its output folder resumes from them. With
    another test fold that would be testing on what was trained on. To test
    otherwise (with ``--test_only`` and other prompts, say) is not refused:
    call this for training alone.

    Arguments
    ---------
    output_folder : str
        The folder of the run.
    hparams_file : str
        Its YAML.
    overrides : str or dict or None
        Changes to it.

    Raises
    ------
    HparamsError
        If the folder's ``hyperparams.yaml`` differs in a plain value: the
        message names the keys.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "hyperparams.yaml").write_text("test_fold: 1")
    >>> _ = (folder / "a.yaml").write_text("test_fold: 1")
    >>> check_same_experiment(folder, folder / "a.yaml")
    >>> check_same_experiment(folder, folder / "a.yaml", "{test_fold: 2}")
    Traceback (most recent call last):
    ...
    speechbrain_clap.utils.hparams.HparamsError: ...test_fold: 1 there, 2...
    """
    earlier = os.path.join(output_folder, "hyperparams.yaml")
    if not os.path.isfile(earlier):
        return
    before = _what_counts(plain_values(earlier))
    now = _what_counts(plain_values(hparams_file, overrides))
    changed = list(_differences(before, now))
    if changed:
        raise HparamsError(
            f"{output_folder} holds another experiment ({'; '.join(changed)}):"
            " choose another --output_folder, or remove this one"
        )
