"""Import paths of upstream: ``grps_framework.converter``."""
