"""Every exercise of the course, in course order: a module per theme."""

from . import (
    exact_lookups,
    first_steps,
    hash_tables,
    lookup_slopes,
    memories,
    nearest_lookups,
    slopes,
    soft_lookups,
    softmaxes,
)

EXERCISES = [
    first_steps.warm_up,
    hash_tables.hash_table,
    exact_lookups.one_hot_rows,
    exact_lookups.matrix_lookup,
    nearest_lookups.nearest_lookup,
    slopes.numerical_gradient_of,
    softmaxes.softmax,
    soft_lookups.soft_lookup,
    lookup_slopes.lookup_gradient,
    memories.kernel_regression,
    memories.linear_memory,
]
