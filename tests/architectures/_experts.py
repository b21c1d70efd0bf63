"""From our experts and gates to those of LibMTL."""


def load_experts(experts, stack, first=0):
    """Set networks to those of a stack, the first of them to the one at `first`."""
    for k, expert in enumerate(experts, first):
        for layer, linear in zip(stack.layers, expert[::2], strict=True):
            linear.load_state_dict({"weight": layer.weight[k], "bias": layer.bias.view(stack.n, -1)[k]})


def load_gates(gates, stack):
    """Set the gates of the tasks to those of a stack."""
    for t, gate in enumerate(gates.values()):
        gate[0].load_state_dict({"weight": stack.weight[t], "bias": stack.bias.view(len(gates), -1)[t]})
