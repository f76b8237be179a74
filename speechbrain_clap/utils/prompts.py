"""Prompts: class names put into sentences, or one after the other.

Authors
 * The speechbrain_clap team 2026
"""


def fill_template(template, label):
    """Puts a class name into a prompt.

    Arguments
    ---------
    template : str
        Holds "{}".
    label : str
        Underscores become spaces.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        If the template has no place for the name.

    Example
    -------
    >>> fill_template("this is the sound of {}", "sea_waves")
    'this is the sound of sea waves'
    """
    if "{}" not in template:
        raise ValueError(
            f"prompt template '{template}' has no '{{}}' for the class name, "
            "as in 'this is the sound of {}'"
        )
    return template.replace("{}", label.replace("_", " "))


def join_labels(texts):
    """One text for each item, as AudioCLIP writes labels.

    Arguments
    ---------
    texts : list
        Each a str, or a list of str: the labels of an item.

    Returns
    -------
    list of str
        Labels joined with ", "; underscores become spaces.

    Raises
    ------
    TypeError
        If `texts` is one bare string.

    Example
    -------
    >>> join_labels([["dog", "sea_waves"], "rain"])
    ['dog, sea waves', 'rain']
    """
    if isinstance(texts, str):
        raise TypeError(
            f"expected a list of texts, got the single string {texts!r}: "
            "put it in a list"
        )
    joined = []
    for x in texts:
        if isinstance(x, (list, tuple)):
            x = ", ".join(x)
        # What is no str is left to the text encoder, which names its row.
        joined.append(x.replace("_", " ") if isinstance(x, str) else x)
    return joined
