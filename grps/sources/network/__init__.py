"""HTTP to the hosts of models: which hosts may be asked, redirects, failures."""
