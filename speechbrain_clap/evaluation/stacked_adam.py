"""Adam on a stack of parameters whose places have nothing to do with another.

Authors
 * The speechbrain_clap team 2026
"""

import torch


class StackedAdam:
    """Adam on stacked parameters, where each place of the stack is apart.

    A place that is not active keeps its parameters and moments; each has its
    own number of steps and its own learning rate.

    "Adam: A Method for Stochastic Optimization", Kingma and Ba 2014,
    https://arxiv.org/abs/1412.6980.

    Arguments
    ---------
    parameters : iterable of torch.nn.Parameter
        [F, ...] each.
    lr : float
        Learning rate of all places at first.
    betas : tuple of float
        How slowly the moments change.
    eps : float
        Added to the root of the second moment.

    Attributes
    ----------
    lr : torch.Tensor
        Of each place, float64, [F].

    Example
    -------
    >>> weight = torch.nn.Parameter(torch.ones(2, 3))
    >>> adam = StackedAdam([weight], lr=0.1)
    >>> weight.grad = torch.ones(2, 3)
    >>> adam.step(torch.tensor([True, False]))
    >>> [round(value, 5) for value in weight[:, 0].tolist()]
    [0.9, 1.0]
    """

    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8):
        self.parameters = list(parameters)
        first = self.parameters[0]
        # In float64: 1 - 0.999 in float32 is off by a hundred-thousandth.
        self.lr = torch.full(
            (len(first),), lr, dtype=torch.float64, device=first.device
        )
        self.steps = torch.zeros_like(self.lr)
        self.betas, self.eps = betas, eps
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, active):
        """Changes the active places by their gradient, then forgets it.

        Arguments
        ---------
        active : torch.Tensor
            Bool, [F].
        """
        one, two = self.betas
        self.steps += active
        places = torch.where(active)[0]
        everywhere = len(places) == len(active)
        rate = self.lr / (1 - one ** self.steps.clamp(min=1))
        scale = (1 - two ** self.steps.clamp(min=1)).sqrt()
        moments = zip(self.parameters, self.first, self.second, strict=True)
        for parameter, first, second in moments:
            shape = [-1] + [1] * (parameter.ndim - 1)
            lrs, scales = (x.to(parameter).view(shape) for x in (rate, scale))
            grad, parameter.grad = parameter.grad, None
            if everywhere:
                first.lerp_(grad, 1 - one)
                second.mul_(two).addcmul_(grad, grad, value=1 - two)
                lower = second.sqrt().div_(scales).add_(self.eps)
                parameter.sub_(first.div(lower).mul_(lrs))
                continue
            grad = grad[places]
            mean = first[places].lerp(grad, 1 - one)
            power = second[places] * two + (1 - two) * grad * grad
            first[places], second[places] = mean, power
            lower = power.sqrt() / scales[places] + self.eps
            parameter[places] -= lrs[places] * mean / lower
