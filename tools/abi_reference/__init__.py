"""The reference of the plugin ABI, written from ``grps/plugin.h``."""
