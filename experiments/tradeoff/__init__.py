"""The trade-off of accuracy and stored bytes for a user's own labels: the request and the run."""
