"""One file a screen, each answering one question; the words and verdicts they show are decided one floor up."""
