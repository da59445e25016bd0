"""Pictures for messages: data in, PNG out, and a sentence for who cannot see them. Nothing of Slack is known here.

A picture is laid out in this process as SVG, which is text, and becomes pixels in a child (raster.py, __main__.py).
"""
