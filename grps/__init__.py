"""GRPS puts any model online in one command and keeps it fast."""
