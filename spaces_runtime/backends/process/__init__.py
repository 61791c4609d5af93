"""The process engine's side of the node: no privilege, only its sockets."""

from spaces_runtime.backends.process.backend import ProcessBackend
from spaces_runtime.backends.process.dialer import NodeDialer
from spaces_runtime.backends.process.images import NodeImages
from spaces_runtime.backends.process.jobs import NodeJobs

__all__ = ["NodeDialer", "NodeImages", "NodeJobs", "ProcessBackend"]
