"""This project needs no converter of its own."""
