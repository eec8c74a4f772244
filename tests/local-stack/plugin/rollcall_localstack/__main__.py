"""Starts LocalStack with the patches in place before any of its services is loaded: `python -m rollcall_localstack`."""
from localstack.runtime.main import main

from . import patches

patches.apply()
main()
