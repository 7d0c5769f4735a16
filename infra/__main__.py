"""`python -m infra`."""

import signal

from infra.cli import main

if __name__ == "__main__":
    # A terminated command cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
