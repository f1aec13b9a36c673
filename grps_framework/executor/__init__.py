"""Upstream's ``grps_framework.executor``."""
