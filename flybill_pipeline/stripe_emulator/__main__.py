"""`python -m flybill_pipeline.stripe_emulator`: the emulator alone. Belongs here: its command line. Does not:
anything else."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .config import EmulatorConfig
from .server import serve
from .tax_settings import BEHAVIORS


def limit(text: str) -> int | None:
    """A number of requests per second, or `none` for no limit."""
    return None if text == "none" else int(text)


def main() -> None:
    """Reads the options and serves."""
    parser = argparse.ArgumentParser(
        prog="flybill_pipeline.stripe_emulator", description="A stand-in for Stripe's API."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--state", type=Path, help="file that keeps the state; without it the state is in memory")
    parser.add_argument("--limit-endpoint", type=limit, default=25, help="requests a second per endpoint, or none")
    parser.add_argument("--limit-global", type=limit, default=25, help="requests a second with test keys, or none")
    parser.add_argument(
        "--limit-global-live", type=limit, default=100, help="requests a second with live keys, or none"
    )
    parser.add_argument("--limit-concurrent", type=limit, help="requests under way at one endpoint, or none")
    parser.add_argument("--account", help="the id of the account, such as acct_1trial; without it one is made up")
    parser.add_argument("--tax-behavior", choices=BEHAVIORS, help="whether prices include tax")
    options = parser.parse_args()
    config = EmulatorConfig(
        state_path=options.state,
        limit_endpoint=options.limit_endpoint,
        limit_global=options.limit_global,
        limit_global_live=options.limit_global_live,
        limit_concurrent=options.limit_concurrent,
        account_id=options.account,
        tax_behavior=options.tax_behavior,
    )
    os.umask(0o077)  # the state names customers: it is for who runs this
    try:
        serve(config, options.host, options.port)
    except KeyboardInterrupt:  # who started it by hand ends it so
        os._exit(1)  # what had only begun to serve would complain


if __name__ == "__main__":
    main()
