"""Learning rates and weight decays by part."""

from types import SimpleNamespace

import speechbrain as sb
import torch

from speechbrain_clap.brains.contrastive import ContrastiveBrain


def test_rates_and_decays_by_part():
    """Vectors never decay; a part may have a rate and a decay of its own."""
    tower = torch.nn.ModuleDict(
        {name: torch.nn.Linear(2, 2) for name in ("a", "b", "c")}
    )
    brain = ContrastiveBrain(
        modules={"clap": tower},
        opt_class=lambda groups: torch.optim.AdamW(
            groups, lr=1.0, weight_decay=0.5
        ),
        hparams={
            "lr_factors": {
                "clap.a": 0.1,
                "clap.b": {"lr": 0.2, "weight_decay": 0.05},
            }
        },
        run_opts={"device": "cpu"},
        checkpointer=SimpleNamespace(add_recoverable=lambda *_: None),
    )
    assert isinstance(brain, sb.Brain)
    brain.init_optimizers()
    found = {
        name: (group["lr"], group["weight_decay"])
        for group in brain.optimizer.param_groups
        for name, parameter in tower.named_parameters()
        if any(parameter is each for each in group["params"])
    }
    assert found == {
        "a.weight": (0.1, 0.5),
        "a.bias": (0.1, 0.0),
        "b.weight": (0.2, 0.05),
        "b.bias": (0.2, 0.0),
        "c.weight": (1.0, 0.5),
        "c.bias": (1.0, 0.0),
    }
