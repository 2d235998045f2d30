"""How a worker hears that its job was interrupted."""


class Interruption(Exception):
    """The job was interrupted. A worker that gets this exception leaves its unit unfinished."""
