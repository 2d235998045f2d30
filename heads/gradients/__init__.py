"""Training many heads together with gradients written by hand, without autograd: the fast way on a CPU."""

from encore.heads.gradients.parameters import StackParameters
from encore.heads.gradients.stack import HeadStack, can_stack

__all__ = ["HeadStack", "StackParameters", "can_stack"]
