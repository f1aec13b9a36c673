"""Import paths of upstream: ``grps_framework.model_infer``."""
