"""The stories, a file for each chapter of the page; each has TITLE and SCENES, title → how it is played."""
