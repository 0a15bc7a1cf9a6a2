"""`python -m smdp`: the command line, where the `smdp` script is not on the path."""

from smdp.cli import main

if __name__ == "__main__":
    main()
