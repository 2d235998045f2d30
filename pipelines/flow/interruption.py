"""How a worker hears that its job was interrupted."""


class Interruption(Exception):
    """Nobody waits for the job any more; a worker that meets it leaves its unit as it is."""
