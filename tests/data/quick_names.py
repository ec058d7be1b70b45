"""Names of numbers that take no time, and the module where they stand in for num2words."""

import importlib

numbers_module = importlib.import_module("utils.data.number_names")  # the package's attribute is the function


def spelled(number):
    """207 is zweinullsieben."""
    names = "null eins zwei drei vier fünf sechs sieben acht neun".split()
    return "".join(names[int(digit)] for digit in str(number))
