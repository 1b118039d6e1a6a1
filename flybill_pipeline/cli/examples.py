"""What `--help` of each command ends with: a line to type, and what its file looks like. No command stands here."""

import click

EXAMPLES = {
    "init": "flybill init my-cloud",
    "demo": "flybill demo --orgs 50 --events 10000",
    "up": "flybill up --port 3000",
    "emulator": "flybill emulator --port 12111 --state stripe.sqlite",
    "webhooks": "flybill webhooks --port 12112",
    "web": "flybill web --port 3080",
    "link": "flybill link acme --days 90",
    "doctor": "flybill doctor --json",
    "migrate": "flybill migrate --roles",
    "reshard": "flybill reshard 256",
    "backup": "flybill backup /backups/2026-11-03",
    "restore": "flybill restore /backups/2026-11-03",
    "restored": "flybill restored --as-of 2026-11-03T02:00:00Z",
    "import-orgs": "flybill import-orgs orgs.csv",
    "import-items": "flybill import-items items.csv",
    "import-aliases": "flybill import-aliases aliases.csv",
    "land": "flybill land usage.csv --source usage",
    "preview": "flybill preview usage.csv --source usage",
    "close": "flybill close 2026-10",
    "repair": "flybill repair 2026-10 --org acme",
    "release": 'flybill release 2026-10 --org acme --by ada --reason "checked the usage"',
    "credit": 'flybill credit acme 2026-10 --line 2 --amount 12.50 --reason "slow disks"',
    "payments": "flybill payments",
    "status": "flybill status 2026-10",
    "owes": "flybill owes acme --month 2026-10",
    "explain": "flybill explain acme 2026-10 --line 2",
    "quarantine": "flybill quarantine --source usage",
    "reprice": "flybill reprice 2026-10 --prices drafts/",
    "verify": "flybill verify 2026-10",
    "quote": "flybill quote --meter bandwidth_gb --quantity 250 --dimension region=iad",
    "export": "flybill export acme 2026-10 --format csv --out acme.csv",
    "events": "flybill events list",
    "events list": "flybill events list --org acme --state waiting",
    "events replay": "flybill events replay --org acme --since 2026-11-01",
    "events send": "flybill events send",
}
BOOKS = "PRICES are price books in TOML, as docs/price-books.md explains them."
FILES = {
    "init": "The folder gets CSV files, two TOML files, and a README.md that explains them.",
    "emulator": "The state is a file of SQLite.",
    "backup": "The folder gets dumps of Postgres, and copies of the usage files.",
    "restore": "The folder is one that `flybill backup` made.",
    "import-orgs": (
        "FILE is CSV in UTF-8. Its first row names the columns: org_id,name,currency, and more if wanted: "
        "docs/organizations-and-items.md."
    ),
    "import-items": (
        "FILE is CSV in UTF-8, or a JSON list. Its columns: item_id,kind,org_id,name, and those of each kind: "
        "docs/organizations-and-items.md."
    ),
    "import-aliases": (
        "FILE is CSV in UTF-8. Its columns: source,alias,org_id, and from,until where an alias moves: docs/sources.md."
    ),
    "land": (
        "FILE is JSON, JSON lines, CSV or Parquet (.gz, .zst too), as its source in sources.toml says: docs/sources.md."
    ),
    "reprice": BOOKS,
    "quote": BOOKS,
    "export": "The file is CSV, JSON or HTML; with `focus` it is a folder of CSV files.",
}


def show_examples(command: click.Command, typed: str = "") -> None:
    """Gives the command, and each of a group, the end of its help."""
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        show_examples(each, f"{typed}{name} ".lstrip())
    if example := EXAMPLES.get(typed.strip()):
        format_of_file = FILES.get(typed.strip(), "")
        command.epilog = f"{format_of_file}\n\n\b\nExample:\n  {example}".strip("\n")
