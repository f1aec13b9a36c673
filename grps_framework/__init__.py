"""Import paths of upstream projects: every module here only re-exports names of ``grps``."""
