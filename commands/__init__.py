"""What `python app.py COMMAND` does, command by command. Each hands its room what it needs."""
