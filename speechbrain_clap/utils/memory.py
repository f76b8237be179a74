"""Memory that is kept for what is needed again and again.

Authors
 * The speechbrain_clap team 2026
"""

import threading

_kept = threading.local()


def workspace(like):
    """Gives memory of the shape and type of a tensor, kept between calls.

    On CPUs a large tensor costs more to get than to fill, since the system
    hands it out page by page. What lies in a workspace is lost at the next
    call in the same thread: it is for what no one sees, within one function.

    Arguments
    ---------
    like : torch.Tensor
        Contiguous.

    Returns
    -------
    torch.Tensor
        Not initialised; as large as the largest asked for so far is kept.

    Example
    -------
    >>> import torch
    >>> x = torch.ones(2, 3)
    >>> workspace(x).shape, workspace(x).data_ptr() == workspace(x).data_ptr()
    (torch.Size([2, 3]), True)
    """
    pool = _kept.__dict__.setdefault("pool", {})
    if like.dtype not in pool or pool[like.dtype].numel() < like.numel():
        pool[like.dtype] = like.new_empty(like.numel())
    return pool[like.dtype][: like.numel()].view(like.shape)
