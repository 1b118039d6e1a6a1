"""`python -m flybill_pipeline.cli` is `flybill`. No code belongs here."""

from flybill_pipeline.cli.start import main

main()
