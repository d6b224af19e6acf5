"""``python -m zerotube``: the command line without its entry point on the PATH."""

from zerotube.cli.main import main

if __name__ == "__main__":
    main()
