"""What is no test here."""

collect_ignore = ["guided.py"]  # it needs atheris, and changes the code of what it imports
