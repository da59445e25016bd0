"""docs/MESSAGES.md: everything that Innkeeper says, as an inn of fakes hears it, with pictures from the page.

scenes/ has the stories, scene.py plays them, page.py writes the page, refusals.py reads what is refused from the
source, pictures.py takes the pictures. `python -m tests.messages` writes the page anew, with `--pictures` those too.
tests/test_messages.py compares.
"""
