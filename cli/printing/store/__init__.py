"""What the commands on a store print."""
