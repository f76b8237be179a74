"""Gradients of a contrastive loss over more clips than the memory holds.

"Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
Gao et al. 2021, https://arxiv.org/abs/2101.06983.

Authors
 * The speechbrain_clap team 2026
"""

import contextlib

import torch

from speechbrain_clap.utils.distributed import all_ranks


def cached_step(
    forward,
    loss,
    chunks,
    modules,
    context=None,
    no_sync=None,
    sync=True,
    scaler=None,
    factor=1,
):
    """Adds the gradient of one batch, with the networks on a chunk at a time.

    1. All chunks are embedded without gradient, and the state of the random
       numbers is kept before each.
    2. The loss of the whole batch (of all ranks, where it gathers) gives the
       gradient of each embedding, of the scale and of the bias.
    3. Chunk by chunk, from the same random numbers, the networks run again
       and take on the gradient of their embeddings.

    So only one chunk's activations are ever held, for one more forward in
    time. The gradient is that of the whole batch, dropout included: the
    masks of step 3 are those of step 1. Random numbers must come from torch,
    of the CPU or of the current CUDA device.

    Batch norm takes its statistics from each chunk, not from the batch, as
    networks of smaller batches would; running statistics take on each chunk
    once, in step 3. ``SyncBatchNorm`` takes them from the chunks of all ranks.

    All ranks must have equally many chunks. What DDP exchanges, it exchanges
    once, during the last chunk's backward.

    Arguments
    ---------
    forward : callable
        From a chunk to a tuple of tensors: embeddings [clips, D] that are put
        together along the first axis, and scalars that do not depend on the
        chunk, as a scale or a bias. Through the DDP wrapper, where one is.
    loss : callable
        From such a tuple of the whole batch to a scalar.
    chunks : list
        Each is what `forward` takes.
    modules : torch.nn.Module
        All that `forward` runs: its batch norms are held still in step 1.
    context : context manager or None
        Around each forward and the loss, as ``Brain.training_ctx``; can be
        entered again and again.
    no_sync : callable or None
        As ``Brain.no_sync``: called with True it gives a context in which DDP
        does not exchange gradients, with False one in which it does.
    sync : bool
        Whether the ranks exchange gradients at the end. False where more is
        accumulated before a step of the optimiser.
    scaler : torch.amp.GradScaler or None
        Scales the loss.
    factor : int
        How many batches are accumulated: the loss is divided by it.

    Returns
    -------
    torch.Tensor
        The loss, without gradient and neither scaled nor divided.
    bool
        Whether it is finite on all ranks. If not, no gradient was added.

    Raises
    ------
    ValueError
        If there are no chunks.

    Example
    -------
    >>> from speechbrain_clap.losses.contrastive import ContrastiveLoss
    >>> tower = torch.nn.Linear(3, 2)
    >>> x, scale = torch.rand(4, 2, 3), torch.tensor(5.0)
    >>> loss, finite = cached_step(
    ...     lambda chunk: (*tower(chunk).unbind(1), scale),
    ...     ContrastiveLoss(),
    ...     x.split(2),
    ...     tower,
    ... )
    >>> finite, tower.weight.grad.shape
    (True, torch.Size([2, 3]))
    """
    if not chunks:
        raise ValueError("no chunks: a batch has at least one")
    context = context or contextlib.nullcontext()
    no_sync = no_sync or contextlib.nullcontext
    states, outputs = [], []
    with torch.no_grad(), still_batch_norms(modules):
        for chunk in chunks:
            states.append(random_state())
            with context:
                outputs.append(forward(chunk))
    # Up to torch 2.9, what an autocast around this has cast has no gradient.
    torch.clear_autocast_cache()
    leaves = join(outputs)
    sizes = [len(chunk[0]) for chunk in outputs]
    del outputs
    with context:
        value = loss(*leaves)
    finite = all_ranks(torch.isfinite(value.detach()))
    if finite:
        share = value / factor
        (share if scaler is None else scaler.scale(share)).backward()
        gradients = share_out([leaf.grad for leaf in leaves], sizes)
        last = len(chunks) - 1
        for k, chunk in enumerate(chunks):
            set_random_state(states[k])
            with no_sync(not (sync and k == last)):
                with context:
                    replayed = forward(chunk)
                pairs = [
                    (output, gradient)
                    for output, gradient in zip(
                        replayed, gradients[k], strict=True
                    )
                    if gradient is not None and output.requires_grad
                ]
                if pairs:
                    torch.autograd.backward(*zip(*pairs, strict=True))
    return value.detach(), finite


@contextlib.contextmanager
def still_batch_norms(modules):
    """Keeps running statistics as they are, in training mode too.

    Arguments
    ---------
    modules : torch.nn.Module
        May hold batch norms.

    Yields
    ------
    None

    Example
    -------
    >>> norm = torch.nn.BatchNorm1d(1)
    >>> with still_batch_norms(norm):
    ...     y = norm(torch.tensor([[3.0], [5.0]]))  # by their own mean
    >>> y.sum().item(), norm.running_mean, norm.num_batches_tracked
    (0.0, tensor([0.]), tensor(0))
    """
    norms = [
        m
        for m in modules.modules()
        if isinstance(m, torch.nn.modules.batchnorm._NormBase)
        and m.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def random_state():
    """Where torch's random numbers stand.

    Returns
    -------
    tuple
        Of the CPU, and of the current CUDA device or None.

    Example
    -------
    >>> state = random_state()
    >>> first = torch.rand(3)
    >>> set_random_state(state)
    >>> bool((torch.rand(3) == first).all())
    True
    """
    cuda = torch.cuda.is_initialized()
    return torch.get_rng_state(), torch.cuda.get_rng_state() if cuda else None


def set_random_state(state):
    """Goes back to where the random numbers stood.

    Arguments
    ---------
    state : tuple
        From `random_state`.
    """
    cpu, cuda = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda)


def join(outputs):
    """Puts the outputs of all chunks together, to be differentiated.

    Arguments
    ---------
    outputs : list of tuple of torch.Tensor
        By chunk: embeddings [clips, ...] and scalars.

    Returns
    -------
    list of torch.Tensor
        Embeddings of the batch and the scalars, leaves with gradient.

    Example
    -------
    >>> scale = torch.tensor(5.0)
    >>> x, s = join([(torch.ones(2, 3), scale), (torch.ones(1, 3), scale)])
    >>> x.shape, s
    (torch.Size([3, 3]), tensor(5., requires_grad=True))
    """
    leaves = []
    for each in zip(*outputs, strict=True):
        whole = torch.cat(each) if each[0].ndim else each[0].clone()
        leaves.append(whole.detach().requires_grad_())
    return leaves


def share_out(gradients, sizes):
    """Gives each chunk the gradients of its own outputs.

    The gradient of a scalar goes to the last chunk alone. So it counts once,
    and there DDP, which exchanges then, finds a gradient of every parameter.

    Arguments
    ---------
    gradients : list of torch.Tensor or None
        Of what `join` gave.
    sizes : list of int
        Clips of each chunk.

    Returns
    -------
    list of list
        By chunk, for each output, a tensor or None.

    Example
    -------
    >>> share_out([torch.tensor([1.0, 2.0]), torch.tensor(7.0)], [1, 1])
    [[tensor([1.]), None], [tensor([2.]), tensor(7.)]]
    """
    shares = []
    for gradient in gradients:
        if gradient is None or gradient.ndim == 0:
            shares.append([None] * (len(sizes) - 1) + [gradient])
        else:
            shares.append(gradient.split(sizes))
    return [list(chunk) for chunk in zip(*shares, strict=True)]
