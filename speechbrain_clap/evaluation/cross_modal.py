"""Search in all directions between sounds, images and texts: `metrics.json`.

Authors
 * The speechbrain_clap team 2026
"""

import csv
import pathlib

import numpy as np
from speechbrain.utils.logger import get_logger

from speechbrain_clap.evaluation.cross_modal_page import (
    write_cross_modal_page,
)
from speechbrain_clap.metrics.bootstrap import cluster_bootstrap
from speechbrain_clap.metrics.cross_modal import cross_modal_values
from speechbrain_clap.utils.files import atomic_write, write_json

logger = get_logger(__name__)

RELEVANCE = "what shares a label with the query is right"


def write_cross_modal(
    output_folder,
    names,
    embeddings,
    labels,
    description,
    protocol,
    files=None,
    images=None,
    score="mAP",
):
    """Lets each modality look for each other one, and writes the result.

    `metrics.json`, `retrieval.csv`, a row for each direction, and
    `report.html` go to the output folder; lines with the result go to the log.

    Arguments
    ---------
    output_folder : str or pathlib.Path
        Where to write.
    names : dict
        "audio", "image", "text" or some of them to the names of the items.
    embeddings : dict
        The same to L2-normalised embeddings, [N, D].
    labels : dict
        The same to a list of labels for each item.
    description : dict
        `dataset`, `split`, `clips`, `skipped` and `sounds`.
    protocol : dict
        All that another reader would need to get the same figures.
    files : dict or None
        Name of a sound to (file, start, stop), as
        ``speechbrain_clap.dataio.segments.SegmentReader`` takes: the page
        then plays the examples.
    images : callable or None
        From the name of an image to its pixels, uint8 [3, H, W], or None: the
        page then shows them.
    score : str
        What heads the result: "mAP", "MRR", "P@1" or "P@10".

    Returns
    -------
    dict
        What `metrics.json` holds: beside the usual keys `items`, how many
        there are of each modality, and `directions`: "audio_to_image" and so
        on to `queries` and a dict from the name of a score to its `value`,
        95 % `interval` (a bootstrap over the queries) and `chance`. Its
        headline is the score of text to audio, or of the first direction where
        there is none.

    Example
    -------
    >>> eye = np.eye(2)
    >>> metrics = write_cross_modal(
    ...     getfixture("tmp_path"),
    ...     {"audio": ["a", "b"], "text": ["dog", "rain"]},
    ...     {"audio": eye, "text": eye},
    ...     {"audio": [["dog"], ["rain"]], "text": [["dog"], ["rain"]]},
    ...     dict(dataset="x", split="test", clips=2, skipped=0, sounds="real"),
    ...     {"crop": "5 s"},
    ... )
    >>> metrics["metric"], metrics["value"]
    ('text-to-audio mAP', 1.0)
    >>> metrics["directions"]["audio_to_text"]["mAP"]["chance"]
    0.75
    """
    output_folder = pathlib.Path(output_folder)
    values = cross_modal_values(
        {name: np.asarray(x) for name, x in embeddings.items()}, labels
    )
    directions = {name: _direction(each) for name, each in values.items()}
    first = "text_to_audio"
    if first not in directions:
        first = next(iter(directions))
    headline = directions[first][score]
    metrics = {
        **description,
        "items": {name: len(names[name]) for name in embeddings},
        "metric": f"{first.replace('_', '-')} {score}",
        "value": headline["value"],
        "interval": headline["interval"],
        "directions": directions,
        "protocol": {**protocol, "relevance": RELEVANCE},
    }
    with atomic_write(output_folder / "retrieval.csv") as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            scores = [name for name in directions[first] if name != "queries"]
            heads = [f"{s}{kind}" for s in scores for kind in ("", " chance")]
            writer.writerow(["direction", "queries", *heads])
            for name, of_direction in directions.items():
                cells = [
                    f"{of_direction[s][kind]:.4f}"
                    for s in scores
                    for kind in ("value", "chance")
                ]
                writer.writerow([name, of_direction["queries"], *cells])
    write_cross_modal_page(
        output_folder, metrics, names, embeddings, labels, files, images
    )
    # Last: who finds it knows that the evaluation is complete.
    write_json(output_folder / "metrics.json", metrics)
    for name, of_direction in directions.items():
        logger.info(
            "%s, %s sounds, %s, %d queries: P@1 %.1f %%, mAP %.1f %% (by "
            "chance %.1f %%), MRR %.4f (by chance %.4f)",
            metrics["dataset"],
            metrics["sounds"],
            name.replace("_", " "),
            of_direction["queries"],
            100 * of_direction["P@1"]["value"],
            100 * of_direction["mAP"]["value"],
            100 * of_direction["mAP"]["chance"],
            of_direction["MRR"]["value"],
            of_direction["MRR"]["chance"],
        )
    return metrics


def _direction(values):
    """The means of one direction, and how sure they are."""
    chance = values.pop("chance")
    table = np.stack(list(values.values()), 1)
    if not len(table):
        return {
            "queries": 0,
            **{
                name: {"value": 0.0, "interval": [0.0, 1.0], "chance": 0.0}
                for name in values
            },
        }
    limits = cluster_bootstrap(
        lambda drawn: drawn @ table / drawn.sum(), np.arange(len(table))
    )
    return {
        "queries": len(table),
        **{
            name: {
                "value": float(table[:, i].mean()),
                "interval": limits[i].tolist(),
                "chance": float(chance[:, i].mean()),
            }
            for i, name in enumerate(values)
        },
    }
