"""What accuracy each stored byte buys, for labels of one's own: the request and the run."""
