"""Who may see the page: password, back-off, sessions, tokens against forged requests, response headers."""
