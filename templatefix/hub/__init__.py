"""The Hugging Face Hub as a place: what is there at one commit, and what goes wrong on the way."""

from templatefix.hub.ids import HubId, hub_id, parse_id

__all__ = ["HubId", "hub_id", "parse_id"]
