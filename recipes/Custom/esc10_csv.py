#!/usr/bin/env python3
"""Writes five captions for each class of ESC-10 as a CSV of one's own data.

    python recipes/Custom/esc10_csv.py /data/ESC-10 captions.csv

Folds 1 to 3 train, 4 validates and 5 is tested. A caption tells the class, not
the recording: all clips of a class share their five captions.

Authors
 * The speechbrain_clap team 2026
"""

import argparse
import csv
import pathlib

from speechbrain_clap.utils.files import atomic_write

PARTS = {1: "train", 2: "train", 3: "train", 4: "valid", 5: "test"}
CAPTIONS = {
    "dog": [
        "a dog barks",
        "barking from a dog that is near",
        "a hound lets out sharp barks",
        "someone's pet dog is barking loudly",
        "short, rough barks of a dog",
    ],
    "rooster": [
        "a rooster crows",
        "a cock crows at dawn on a farm",
        "the long cry of a rooster",
        "a rooster greets the morning",
        "crowing of a farmyard cock",
    ],
    "rain": [
        "rain falls",
        "steady rain pours down on the ground",
        "heavy rainfall without thunder",
        "raindrops patter during a shower",
        "it is raining outside",
    ],
    "sea_waves": [
        "waves of the sea break on the shore",
        "the ocean rolls onto a beach",
        "surf washes over sand and draws back",
        "slow waves crash at the coast",
        "the sea murmurs and swells",
    ],
    "crackling_fire": [
        "a fire crackles",
        "burning wood pops and snaps",
        "flames crackle in a fireplace",
        "a campfire burns with small cracks",
        "logs hiss and crackle as they burn",
    ],
    "crying_baby": [
        "a baby cries",
        "an infant wails and gasps for breath",
        "a small child is crying loudly",
        "a newborn screams for attention",
        "sobbing of an unhappy baby",
    ],
    "sneezing": [
        "a person sneezes",
        "someone sneezes loudly, once",
        "a sudden sneeze after a breath",
        "a man or a woman sneezing",
        "an explosive sneeze indoors",
    ],
    "clock_tick": [
        "a clock ticks",
        "regular ticking of a clock on the wall",
        "a watch ticks quietly, second by second",
        "the tick-tock of an old clock",
        "a timepiece clicks at a steady pace",
    ],
    "helicopter": [
        "a helicopter flies by",
        "rotor blades of a helicopter beat the air",
        "a helicopter hovers overhead",
        "the throbbing of an aircraft with rotors",
        "a chopper passes in the sky",
    ],
    "chainsaw": [
        "a chainsaw runs",
        "a chainsaw cuts through wood",
        "the engine of a chainsaw revs and whines",
        "someone fells a tree with a power saw",
        "a motor saw buzzes loudly",
    ],
}


def write_csv(folder, path):
    """Writes the CSV.

    Arguments
    ---------
    folder : pathlib.Path
        ESC-10, in ESC-50's layout.
    path : pathlib.Path
        The CSV.
    """
    with open(folder / "meta" / "esc50.csv", encoding="utf-8") as stream:
        clips = list(csv.DictReader(stream))
    names = [f"caption_{i}" for i in range(1, 6)]
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(["path", *names, "split", "source", "label"])
        for clip in clips:
            writer.writerow(
                [
                    (folder / "audio" / clip["filename"]).resolve(),
                    *CAPTIONS[clip["category"]],
                    PARTS[int(clip["fold"])],
                    f"freesound:{clip['src_file']}",
                    clip["category"],
                ]
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="ESC-10")
    parser.add_argument("csv", type=pathlib.Path, help="the CSV to write")
    arguments = parser.parse_args()
    write_csv(arguments.folder, arguments.csv)
