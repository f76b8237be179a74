"""The MLP of transformers, with a backward that spares memory on CPUs.

Authors
 * The speechbrain_clap team 2026
"""

import torch
from torch.nn import functional

from speechbrain_clap.utils.memory import workspace


class LinearGeluLinear(torch.autograd.Function):
    """The MLP with one hidden layer kept in place of two.

    On CPUs getting fresh memory for a hidden layer takes longer than the
    arithmetic on it. The GELU is computed in memory that is kept for it, once
    more in the backward, where the gradient goes through it in place.
    """

    @staticmethod
    def forward(ctx, x, weight1, bias1, weight2, bias2):
        """Transforms each token.

        Arguments
        ---------
        ctx : object
            What the backward needs.
        x : torch.Tensor
            [tokens, dim].
        weight1 : torch.Tensor
            [hidden, dim].
        bias1 : torch.Tensor
            [hidden].
        weight2 : torch.Tensor
            [dim, hidden].
        bias2 : torch.Tensor
            [dim].

        Returns
        -------
        torch.Tensor
            [tokens, dim].
        """
        hidden = torch.addmm(bias1, x, weight1.T)
        active = torch.ops.aten.gelu.out(hidden, out=workspace(hidden))
        ctx.save_for_backward(x, weight1, weight2, hidden)
        return torch.addmm(bias2, active, weight2.T)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        """Gradients of everything.

        Arguments
        ---------
        ctx : object
            What the forward left.
        grad : torch.Tensor
            [tokens, dim].

        Returns
        -------
        tuple of torch.Tensor
            For each argument of the forward.
        """
        x, weight1, weight2, hidden = ctx.saved_tensors
        # What is frozen, or enters the network here, costs nothing.
        of_x, of_weight1, of_bias1, of_weight2, of_bias2 = ctx.needs_input_grad
        buffer = workspace(hidden)
        if of_weight2:
            of_weight2 = grad.T @ torch.ops.aten.gelu.out(hidden, out=buffer)
        of_hidden = torch.mm(grad, weight2, out=buffer)
        torch.ops.aten.gelu_backward.grad_input(
            of_hidden, hidden, grad_input=of_hidden
        )
        return (
            of_hidden @ weight1 if of_x else None,
            of_hidden.T @ x if of_weight1 else None,
            of_hidden.sum(0) if of_bias1 else None,
            of_weight2 if ctx.needs_input_grad[3] else None,
            grad.sum(0) if of_bias2 else None,
        )


class MLP(torch.nn.Module):
    """Two linear layers with the exact (erf) GELU between them.

    Arguments
    ---------
    dim : int
        Channels of input and output.
    hidden : int
        Channels between the layers.

    Example
    -------
    >>> MLP(8, 16)(torch.randn(2, 3, 8)).shape
    torch.Size([2, 3, 8])
    """

    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = torch.nn.Linear(dim, hidden)
        self.fc2 = torch.nn.Linear(hidden, dim)

    def forward(self, x):
        """Transforms each token.

        Arguments
        ---------
        x : torch.Tensor
            [..., dim].

        Returns
        -------
        torch.Tensor
            [..., dim].
        """
        eager = torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if x.device.type != "cpu" or not eager:
            return self.fc2(functional.gelu(self.fc1(x)))
        tensors = [
            x.flatten(0, -2),
            self.fc1.weight,
            self.fc1.bias,
            self.fc2.weight,
            self.fc2.bias,
        ]
        if torch.is_autocast_enabled("cpu"):
            narrow = torch.get_autocast_dtype("cpu")
            tensors = [tensor.to(narrow) for tensor in tensors]
        with torch.autocast("cpu", enabled=False):
            return LinearGeluLinear.apply(*tensors).view(x.shape)
