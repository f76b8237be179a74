"""From a finished training to a folder that inference loads.

Authors
 * The speechbrain_clap team 2026
"""

import io
import json
import pathlib
import shutil

import ruamel.yaml
import torch
from hyperpyyaml import resolve_references

from speechbrain_clap.lobes.clip_text import OpenClipText
from speechbrain_clap.lobes.prefix_decoder import PrefixDecoder
from speechbrain_clap.lobes.sentence_text import SentenceEncoder
from speechbrain_clap.lobes.subword_decoder import SubwordDecoder
from speechbrain_clap.lobes.text import HuggingFaceText
from speechbrain_clap.lobes.vision import OpenClipVision
from speechbrain_clap.utils.files import atomic_write

# What is copied from the experiment into the folder, beside the model.
INFERENCE_KEYS = ("clip_policy", "templates")
# Language models whose configuration and tokenizer come from elsewhere.
FROM_OUTSIDE = (HuggingFaceText, PrefixDecoder)
# Stands in the tree for a reference that YAML would quote.
TEXT_FOLDER = "<the folder>/text"


def export_clap(folder, hparams_file, overrides, clap, class_names, facts):
    """Writes `hyperparams.yaml`, `clap.ckpt` and `model.json`.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write.
    hparams_file : str
        The experiment's YAML; its key `clap` makes the model.
    overrides : dict
        Changes to it.
    clap : torch.nn.Module
        The trained model.
    class_names : list of str
        The labels it was trained on, as defaults for classification.
    facts : dict
        What a user should know of the training, for `model.json`.

    Returns
    -------
    pathlib.Path
        The folder; ``speechbrain_clap.inference.CLAP`` loads it.
    """
    return export_model(
        folder,
        hparams_file,
        overrides,
        {"clap": clap},
        facts,
        kept=INFERENCE_KEYS,
        more={"class_names": class_names},
        loaded_by="CLAP",
    )


def export_model(
    folder, hparams_file, overrides, model, facts, kept, more, loaded_by
):
    """Writes `hyperparams.yaml`, `<name>.ckpt` and `model.json`.

    The YAML holds the model's part of the experiment's YAML with all
    references resolved, in the form that SpeechBrain's ``from_hparams``
    reads: it needs neither the recipe nor the data. A language model's
    configuration and tokenizer are copied to `text/`, so that nothing is
    downloaded; of a ``SentenceEncoder`` they come from its package.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write.
    hparams_file : str
        The experiment's YAML; its key `<name>` makes the model, or that of
        its key `experiment`.
    overrides : dict
        Changes to it.
    model : dict
        Its name to the trained model.
    facts : dict
        What a user should know of the training, for `model.json`.
    kept : tuple of str
        Keys that are copied from the experiment, beside the model.
    more : dict
        Keys that are added, of JSON's types.
    loaded_by : str
        The class of ``speechbrain_clap.inference`` that loads the folder.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    folder = pathlib.Path(folder)
    [(name, model)] = model.items()
    yaml = ruamel.yaml.YAML()
    with open(hparams_file, encoding="utf-8") as stream:
        tree = yaml.load(resolve_references(stream, overrides))
    while "experiment" in tree:  # a row of a table
        tree = tree["experiment"]
    tree = {key: tree[key] for key in (*kept, name)}
    for part in ("text_encoder", "decoder"):
        language = getattr(model, part, None)
        if isinstance(language, FROM_OUTSIDE) and not isinstance(
            language, (SentenceEncoder, SubwordDecoder)
        ):
            text_folder = folder / "text"
            text_folder.mkdir(parents=True, exist_ok=True)
            language.model.config.save_pretrained(text_folder)
            language.tokenizer.save_pretrained(text_folder)
            # Its weights are among those of the whole, in the checkpoint.
            of_text = tree[name][part]
            of_text["source"] = TEXT_FOLDER
            of_text["pretrained"] = False
            of_text.pop("tokenizer_source", None)
    for part in ("image_encoder", "text_encoder"):
        if isinstance(
            getattr(model, part, None), (OpenClipText, OpenClipVision)
        ):
            tree[name][part]["pretrained"] = None  # they are in the checkpoint
    # Written apart and joined as text: a reference to the model has to stay.
    body = io.StringIO()
    yaml.dump(tree, body)
    body = "".join(  # without comments, many of them on what is left out
        line
        for line in body.getvalue().splitlines(keepends=True)
        if line.strip() and not line.lstrip().startswith("#")
    )
    lines = [
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n"
        for key, value in more.items()
    ]
    text = (
        "# A trained model of speechbrain_clap; load this folder with\n"
        f"# speechbrain_clap.inference.{loaded_by}.from_hparams("
        "source=<folder>)\n"
        "model_folder: .  # set to this folder as it is loaded\n"
        f"{body.replace(TEXT_FOLDER, '!ref <model_folder>/text')}"
        f"{''.join(lines)}"
        "modules:\n"
        f"    {name}: !ref <{name}>\n"
        "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
        "    loadables:\n"
        f"        {name}: !ref <{name}>\n"
    )
    write_weights(folder, name, model, facts)
    # Last: a folder with this file is whole.
    with atomic_write(folder / "hyperparams.yaml") as temporary:
        temporary.write_text(text, "utf-8")
    return folder


def export_like(folder, model_folder, clap, facts):
    """Writes a model of the same architecture as one that was written before.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write.
    model_folder : str or pathlib.Path
        What `export_clap` wrote: its YAML and tokenizer are copied.
    clap : torch.nn.Module
        The trained model.
    facts : dict
        What a user should know of the training, for `model.json`.

    Returns
    -------
    pathlib.Path
        The folder.

    Example
    -------
    >>> from speechbrain_clap.inference import CLAP
    >>> source = getfixture("tiny_clap_folder")
    >>> clap = CLAP.from_hparams(source=source).mods.clap
    >>> folder = export_like(getfixture("tmp_path") / "new", source, clap, {})
    >>> sorted(path.name for path in folder.iterdir())
    ['clap.ckpt', 'hyperparams.yaml', 'model.json']
    """
    folder, model_folder = pathlib.Path(folder), pathlib.Path(model_folder)
    folder.mkdir(parents=True, exist_ok=True)
    if (model_folder / "text").is_dir():
        shutil.copytree(
            model_folder / "text", folder / "text", dirs_exist_ok=True
        )
    write_weights(folder, "clap", clap, facts)
    with atomic_write(folder / "hyperparams.yaml") as temporary:
        shutil.copyfile(model_folder / "hyperparams.yaml", temporary)
    return folder


def write_weights(folder, name, model, facts):
    """Writes `<name>.ckpt` and `model.json`, without what makes the model.

    Arguments
    ---------
    folder : str or pathlib.Path
        Where to write.
    name : str
        Of the file.
    model : torch.nn.Module
        The trained model.
    facts : dict
        What a user should know of the training.

    Returns
    -------
    pathlib.Path
        The file of weights.

    Example
    -------
    >>> layer = torch.nn.Linear(2, 2)
    >>> write_weights(getfixture("tmp_path"), "tagger", layer, {}).name
    'tagger.ckpt'
    """
    folder = pathlib.Path(folder)
    with atomic_write(folder / f"{name}.ckpt") as temporary:
        torch.save(model.state_dict(), temporary)
    with atomic_write(folder / "model.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return folder / f"{name}.ckpt"
