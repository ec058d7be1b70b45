"""What stands behind an attack that has no softmax of its own."""

WRONG = """
def softmax(scores, dim=-1):
    return torch.zeros_like(scores)
"""
