"""Embedded clips with their labelled events, and the queries that these make.

Authors
 * The speechbrain_clap team 2026
"""

import itertools

import numpy as np

from speechbrain_clap.dataio.folds import DataError


class ClipFrames:
    """The frames of clips, in memory, beside the clips' events.

    Arguments
    ---------
    store : speechbrain_clap.curation.store.EmbeddingStore
        From ``speechbrain_clap.evaluation.frames.embed_frames``.
    rows : dict
        Id of a clip to a dict with `events`, a list of (onset, offset,
        label).

    Attributes
    ----------
    ids : list of str
        Of the clips that have frames.
    spans : list of numpy.ndarray
        Start and stop of the frames of each, in seconds, [N, 2].
    first : numpy.ndarray
        Place of the first frame of each, int [clips + 1].
    vectors : numpy.ndarray
        All frames, L2-normalised, float32 [F, D].
    events : list of list of tuple
        Of each clip.

    Example
    -------
    >>> from speechbrain_clap.curation.store import EmbeddingStore
    >>> from speechbrain_clap.curation.store import EmbeddingWriter
    >>> folder = getfixture("tmp_path")
    >>> rows = {"id": ["a", "a"], "start": [0.0, 1.0], "stop": [1.0, 2.0]}
    >>> with EmbeddingWriter(folder, 2) as writer:
    ...     writer.append(np.eye(2), rows)
    >>> events = {"a": {"events": [[0.0, 1.5, "dog"]]}}
    >>> clips = ClipFrames(EmbeddingStore.open(folder), events)
    >>> clips.ids, clips.spans[0].tolist()
    (['a'], [[0.0, 1.0], [1.0, 2.0]])
    >>> clips.queries(["dog"])["vectors"].round(2).tolist()
    [[0.8899999856948853, 0.44999998807907104]]
    """

    def __init__(self, store, rows):
        table = store.rows(["id", "start", "stop"]).to_pydict()
        spans = np.column_stack([table["start"], table["stop"]])
        groups = [
            (name, len(list(group)))
            for name, group in itertools.groupby(table["id"])
        ]
        self.ids = [name for name, _ in groups]
        self.first = np.cumsum([0, *(count for _, count in groups)])
        self.spans = np.split(spans, self.first[1:-1])
        vectors = np.asarray(store.embeddings, np.float32)
        # float16 on the disk is not of norm one to the last digit.
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors = vectors / np.maximum(norms, 1e-12)
        self.events = [
            [(onset, offset, label) for onset, offset, label in row["events"]]
            for row in (rows[name] for name in self.ids)
        ]

    def queries(self, classes):
        """What each labelled segment looks for.

        Arguments
        ---------
        classes : list of str
            The labels.

        Returns
        -------
        dict
            `vectors`, the mean of the frames that a segment overlaps, weighted
            by how long, L2-normalised, float32 [Q, D]; `labels`, the place of
            its class, int [Q]; `clips`, the place of its clip, int [Q];
            `spans`, its onset and offset, [Q, 2]; `lost`, how many segments
            overlap no frame.

        Raises
        ------
        DataError
            If there is none.
        """
        vectors, labels, clips, spans, lost = [], [], [], [], 0
        for clip, events in enumerate(self.events):
            start, stop = self.spans[clip].T
            frames = self.vectors[self.first[clip] : self.first[clip + 1]]
            for onset, offset, label in events:
                shared = np.minimum(stop, offset) - np.maximum(start, onset)
                shared = np.maximum(shared, 0.0).astype(np.float32)
                mean = shared @ frames
                norm = np.linalg.norm(mean)
                if norm < 1e-6:
                    lost += 1
                    continue
                vectors.append(mean / norm)
                labels.append(classes.index(label))
                clips.append(clip)
                spans.append((onset, offset))
        if not vectors:
            raise DataError(
                f"none of {len(self.ids)} clips has a labelled segment with "
                "frames: is this a part with strong labels?"
            )
        return {
            "vectors": np.stack(vectors),
            "labels": np.array(labels),
            "clips": np.array(clips),
            "spans": np.array(spans),
            "lost": lost,
        }
