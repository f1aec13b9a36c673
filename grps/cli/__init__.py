"""The ``grpst`` command, one file per verb."""
