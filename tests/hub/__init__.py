"""A Hub on the loopback interface: stdlib HTTP over real bare git repositories, for the real `huggingface_hub`."""

from tests.hub.repository import Moved, Repository
from tests.hub.server import Fault, Hub, Request

__all__ = ["Fault", "Hub", "Moved", "Repository", "Request"]
