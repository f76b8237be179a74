"""What a training on labelled sounds or videos leaves: a model, its tests.

Authors
 * The speechbrain_clap team 2026
"""

import pathlib

from speechbrain.utils.distributed import if_main_process

from speechbrain_clap.dataio.clips import PADDINGS
from speechbrain_clap.utils.digest import sha256


def evaluate_parts(brain, hparams, tests, sets, facts, export, write):
    """Writes the model's folder and tests it on every test part.

    The output folder gets `model/`, and `test_<set>/` for each set with a
    test part.

    Arguments
    ---------
    brain : speechbrain_clap.brains.mixture.MixtureBrain
        After its training.
    hparams : dict
        Of the experiment: `output_folder` and `training`.
    tests : dict
        Set to a data set of the clips of its test part.
    sets : speechbrain_clap.dataio.video_sets.VideoSets
        What they are of.
    facts : dict
        What the protocol is to say beside crop and epoch.
    export : callable
        Takes a folder and facts, writes the model there, and gives the file
        of its weights.
    write : callable
        Takes a folder, a description and the protocol, and writes what the
        brain found on the part that was evaluated last.
    """
    output = pathlib.Path(hparams["output_folder"])
    training = hparams["training"]
    brain.on_evaluate_start()
    protocol = {
        "crop": (
            f"{training['clip_seconds']:g} s: the centre of longer clips, "
            f"{PADDINGS[training['padding']]} for shorter ones"
        ),
        "pooling": "one embedding per clip",
        **sets.facts(),
        **facts,
        "epoch": brain.evaluated.meta["epoch"],
        "epoch_choice": brain.epoch_choice(),
    }
    if if_main_process():
        weights = export(output / "model", protocol)
        protocol["checkpoint"] = str(weights)
        protocol["checkpoint_sha256"] = sha256(weights)
    for name, clips in tests.items():
        brain.evaluate(clips, test_loader_kwargs=dict(training["test_loader"]))
        if not if_main_process():
            continue
        heard = len({clip for batch in brain.found for clip in batch["id"]})
        write(
            output / f"test_{name}",
            {
                "dataset": name,
                "split": "test",
                "clips": heard,
                # Missing files, bad ones, any that broke since; in a
                # debugging run most were not tried.
                "skipped": 0 if brain.debug else sets.listed(name) - heard,
                "sounds": sets.sounds[name],
            },
            protocol,
        )
