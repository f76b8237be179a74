"""Hashes that name the weights of a network, or the content of a file.

Authors
 * The speechbrain_clap team 2026
"""

import hashlib

import torch


def weights_digest(module):
    """Hashes all that a network's state dict holds.

    Arguments
    ---------
    module : torch.nn.Module
        On any device.

    Returns
    -------
    str
        64 hexadecimal digits, the same whatever the device.

    Example
    -------
    >>> layer = torch.nn.Linear(2, 2)
    >>> before = weights_digest(layer)
    >>> with torch.no_grad():
    ...     _ = layer.bias.add_(1)
    >>> len(before), weights_digest(layer) == before
    (64, False)
    """
    digest = hashlib.sha256()
    for key, value in module.state_dict().items():
        if torch.is_tensor(value):
            digest.update(f"{key} {value.dtype} {list(value.shape)}".encode())
            # As bytes: numpy has no bfloat16.
            value = value.detach().cpu().contiguous().reshape(-1)
            digest.update(value.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def sha256(path):
    """The hash that names a file's content.

    Arguments
    ---------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a"
    >>> _ = path.write_text("")
    >>> sha256(path)[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()  # Python 3.10 has no file_digest
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
