"""The trade-off report: what accuracy each stored byte buys, for labels of one's own."""
