"""Verbs that make, test and pack projects."""
