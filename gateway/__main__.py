"""`python -m gateway` is the command `gateway`."""

from gateway.cli import main

if __name__ == "__main__":  # worker processes of the codec import this module and must not run it
    main()
