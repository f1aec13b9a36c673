"""How each server is started and asked, one module per server."""
