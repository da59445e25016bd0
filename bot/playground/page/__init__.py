"""The workspace's web page: what one person sees, as HTML, and what they do."""
