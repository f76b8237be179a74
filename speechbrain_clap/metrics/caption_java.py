"""What of the caption metrics needs Java: PTB words, METEOR, SPICE.

The programs lie in the package pycocoevalcap (extra "captions"). It is never
imported and nothing is written into its folder, which may be read-only.

Authors
 * The speechbrain_clap team 2026
"""

import importlib.metadata
import importlib.util
import json
import pathlib
import shutil
import subprocess
import tempfile

# As the toolkit of MS COCO's captions drops them, in lower case.
PUNCTUATION = {
    *("''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"),
    *("-lrb-", "-rrb-", "-lcb-", "-rcb-"),
}
PTB_JAR = "tokenizer/stanford-corenlp-3.4.1.jar"
METEOR_JAR = "meteor/meteor-1.5.jar"
SPICE_JAR = "spice/spice-1.0.jar"
# SPICE's parser, which no package holds: fetched by who wants it.
SPICE_MODELS = (
    "spice/lib/stanford-corenlp-3.6.0.jar",
    "spice/lib/stanford-corenlp-3.6.0-models.jar",
)


class UnavailableError(RuntimeError):
    """A program that is not there, or does not work; the message says why.

    Example
    -------
    >>> raise UnavailableError("there is no java on the PATH")
    Traceback (most recent call last):
    ...
    speechbrain_clap.metrics.caption_java.UnavailableError: there is no java...
    """


def find_jar(*names):
    """The first of some programs of pycocoevalcap, all of which are needed.

    Arguments
    ---------
    *names : str
        Files within the package.

    Returns
    -------
    pathlib.Path
        Of the first name.

    Raises
    ------
    UnavailableError
        If there is no Java, no such package, or a file is not in it.

    Example
    -------
    >>> find_jar("no/such.jar")
    Traceback (most recent call last):
    ...
    speechbrain_clap.metrics.caption_java.UnavailableError: ...
    """
    if shutil.which("java") is None:
        raise UnavailableError("there is no java on the PATH")
    spec = importlib.util.find_spec("pycocoevalcap")
    if spec is None:
        raise UnavailableError(
            "pycocoevalcap is not installed (pip install "
            "'speechbrain_clap[captions]')"
        )
    folder = pathlib.Path(spec.submodule_search_locations[0])
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise UnavailableError(
            f"pycocoevalcap holds no {' and no '.join(absent)}"
        )
    return folder / names[0]


def provider(program):
    """How a program is named in a report.

    Arguments
    ---------
    program : str
        Such as "METEOR 1.5".

    Returns
    -------
    str
        With the package's version.

    Example
    -------
    >>> provider("METEOR 1.5")  # doctest: +SKIP
    'METEOR 1.5 of pycocoevalcap 1.2 (Java)'
    """
    version = importlib.metadata.version("pycocoevalcap")
    return f"{program} of pycocoevalcap {version} (Java)"


def _run(command, **options):
    """A program's output, or one clear error."""
    try:
        return subprocess.run(
            [str(word) for word in command],
            check=True,
            capture_output=True,
            encoding="utf-8",
            **options,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise UnavailableError(f"java failed: {last[0]}") from error


def ptb_words(texts):
    """Cuts captions into words by Stanford's PTBTokenizer 3.4.1.

    Arguments
    ---------
    texts : list of str
        The captions.

    Returns
    -------
    list of list of str
        Words of each, in lower case, without punctuation.

    Raises
    ------
    UnavailableError
        If it is not there or fails.

    Example
    -------
    >>> ptb_words(["A dog's bark."])  # doctest: +SKIP
    [['a', 'dog', "'s", 'bark']]
    """
    jar = find_jar(PTB_JAR)
    # "x" keeps the lines of empty captions; it is taken off again.
    lines = [f"x {' '.join(text.split())}" for text in texts]
    main = "edu.stanford.nlp.process.PTBTokenizer"
    command = ["java", "-cp", jar, main, "-preserveLines", "-lowerCase"]
    out = _run(command, input="\n".join(lines) + "\n").splitlines()
    if len(out) != len(lines):
        raise UnavailableError(
            f"PTBTokenizer gave {len(out)} lines for {len(lines)} captions"
        )
    return [
        [word for word in line.split()[1:] if word not in PUNCTUATION]
        for line in out
    ]


def meteor(candidates, references):
    """METEOR 1.5 of each caption, and of all.

    "Meteor Universal", Denkowski and Lavie 2014,
    https://aclanthology.org/W14-3348.

    Arguments
    ---------
    candidates : list of list of str
        The words of each caption, N.
    references : list of list of list of str
        For each the words of its references.

    Returns
    -------
    float
        Of all captions together, which is not the mean.
    list of float
        Of each, N.

    Raises
    ------
    UnavailableError
        If it is not there or fails.

    Example
    -------
    >>> words = ["a", "dog"]
    >>> meteor([words], [[words]])  # doctest: +SKIP
    (1.0, [1.0])
    """
    jar = find_jar(METEOR_JAR)
    command = ["java", "-Xmx2G", "-jar", jar, "-", "-", "-stdio", "-l", "en"]
    start = [str(word) for word in (*command, "-norm")]

    def _line(words):
        return " ".join(words).replace("|||", " ")

    def _ask(line):
        process.stdin.write(line + "\n")
        process.stdin.flush()

    pipe = subprocess.PIPE
    with subprocess.Popen(
        start, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:  # fmt: skip
        try:
            statistics = []
            for words, those in zip(candidates, references, strict=True):
                parts = [*map(_line, those), _line(words)]
                _ask(" ||| ".join(["SCORE", *parts]))
                statistics.append(process.stdout.readline().strip())
            _ask(" ||| ".join(["EVAL", *statistics]))
            found = [process.stdout.readline() for _ in range(len(statistics))]
            return float(process.stdout.readline()), [float(x) for x in found]
        except (OSError, ValueError) as error:
            raise UnavailableError(f"METEOR failed: {error}") from error
        finally:
            process.kill()


def spice(texts, references):
    """SPICE of each caption, on texts as they are: it has its own parser.

    "SPICE: Semantic Propositional Image Caption Evaluation", Anderson et al.
    2016, https://arxiv.org/abs/1607.08822. Its parser, Stanford CoreNLP 3.6.0,
    is in no package: put its two files into `pycocoevalcap/spice/lib`.

    Arguments
    ---------
    texts : list of str
        The captions, N.
    references : list of list of str
        For each its references.

    Returns
    -------
    list of float
        F-scores, N; NaN where a caption and its references say nothing.

    Raises
    ------
    UnavailableError
        If it is not there or fails.

    Example
    -------
    >>> spice(["a dog barks"], [["a dog barks"]])  # doctest: +SKIP
    [1.0]
    """
    jar = find_jar(SPICE_JAR, *SPICE_MODELS)
    rows = [
        {"image_id": i, "test": text, "refs": those}
        for i, (text, those) in enumerate(zip(texts, references, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder:
        given, found = (pathlib.Path(folder, x) for x in ("in", "out"))
        given.write_text(json.dumps(rows), encoding="utf-8")
        command = ["java", "-Xmx8G", "-jar", jar, given, "-out", found]
        _run([*command, "-subset", "-silent"], cwd=jar.parent)
        result = json.loads(found.read_text(encoding="utf-8"))
    scores = {row["image_id"]: row["scores"]["All"]["f"] for row in result}
    return [
        float("nan") if scores[i] is None else float(scores[i])
        for i in range(len(rows))
    ]
