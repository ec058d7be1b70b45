"""How fast the attention core is on this machine: `python -m utils.attention.bench [--quick] [--json FILE]`."""
