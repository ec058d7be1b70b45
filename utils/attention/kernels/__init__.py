"""Additive attention's own kernels: `cpu` in numba, `gpu` in Triton. Each is imported when it is first used."""
