"""Notices to whoever is to act, by a webhook."""
