"""What tests of the database share."""

from store.servers import own_server

__all__ = ["own_server"]
