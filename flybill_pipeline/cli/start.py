"""Where `flybill` begins: imports the commands, then runs one. Nothing else belongs here; the commands: commands.py."""

import gc


def main() -> None:
    """The entry point. What is imported stays, so nobody looks through it for what can go: a tenth of `owes`."""
    gc.disable()
    from flybill_pipeline.cli import commands

    gc.enable()
    commands.main()


if __name__ == "__main__":
    main()
