"""``python -m xl_smallcap`` is the command line."""

from xl_smallcap.cli import main

raise SystemExit(main())
