"""Whether this node is about to stop: set by the server, read by each worker."""

from multiprocessing import Event

draining = Event()
