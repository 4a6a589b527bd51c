"""`python -m experiments NAME ...`: the console command without an installation."""

import sys

from experiments.launch import console

sys.exit(console.main())
