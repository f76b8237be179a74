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

from speechbrain_clap.lobes.text import HuggingFaceText
from speechbrain_clap.utils.files import atomic_write

# What is copied from the experiment into the folder, beside the model.
INFERENCE_KEYS = ("clip_policy", "templates")
# Stands in the tree for a reference that YAML would quote.
TEXT_FOLDER = "<the folder>/text"


def export_clap(folder, hparams_file, overrides, clap, class_names, facts):
    """Writes `hyperparams.yaml`, `clap.ckpt` and `model.json`.

    The YAML holds the model's part of the experiment's YAML with all
    references resolved, in the form that ``CLAP.from_hparams`` reads: it
    needs neither the recipe nor the data. A language model's configuration
    and tokenizer are copied to `text/`, so that nothing is downloaded.

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
        The folder.
    """
    folder = pathlib.Path(folder)
    yaml = ruamel.yaml.YAML()
    with open(hparams_file, encoding="utf-8") as stream:
        tree = yaml.load(resolve_references(stream, overrides))
    kept = {key: tree[key] for key in INFERENCE_KEYS}
    kept["clap"] = tree["clap"]
    if isinstance(clap.text_encoder, HuggingFaceText):
        text_folder = folder / "text"
        text_folder.mkdir(parents=True, exist_ok=True)
        clap.text_encoder.model.config.save_pretrained(text_folder)
        clap.text_encoder.tokenizer.save_pretrained(text_folder)
        # Its weights are among those of the whole, in clap.ckpt.
        of_text = kept["clap"]["text_encoder"]
        of_text["source"] = TEXT_FOLDER
        of_text["pretrained"] = False
    # Written apart and joined as text: a reference to `clap` has to stay one.
    body = io.StringIO()
    yaml.dump(kept, body)
    names = json.dumps(class_names, ensure_ascii=False)
    text = (
        "# A trained model of speechbrain_clap; load this folder with\n"
        "# speechbrain_clap.inference.CLAP.from_hparams(source=<folder>)\n"
        "model_folder: .  # set to this folder as it is loaded\n"
        f"{body.getvalue().replace(TEXT_FOLDER, '!ref <model_folder>/text')}"
        f"class_names: {names}\n"
        "modules:\n"
        "    clap: !ref <clap>\n"
        "pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
        "    loadables:\n"
        "        clap: !ref <clap>\n"
    )
    _write_weights(folder, clap, facts)
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
    _write_weights(folder, clap, facts)
    with atomic_write(folder / "hyperparams.yaml") as temporary:
        shutil.copyfile(model_folder / "hyperparams.yaml", temporary)
    return folder


def _write_weights(folder, clap, facts):
    with atomic_write(folder / "clap.ckpt") as temporary:
        torch.save(clap.state_dict(), temporary)
    with atomic_write(folder / "model.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
