"""`python -m automix_cli`: the same as the command `automix`."""

from automix_cli.app import main

main()
