"""Whether this node was told to stop: set by the server, seen by each of its workers."""

from multiprocessing import Event

draining = Event()
