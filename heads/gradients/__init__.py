"""Heads that learn side by side, with the gradients written out: the fast way of training on a CPU."""

from encore.heads.gradients.layer_mix import LOGITS
from encore.heads.gradients.parameters import StackParameters
from encore.heads.gradients.stack import HeadStack, can_stack

__all__ = ["LOGITS", "HeadStack", "StackParameters", "can_stack"]
