"""What the commands of the experiments print."""
