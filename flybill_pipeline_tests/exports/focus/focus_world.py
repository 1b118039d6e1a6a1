"""Three months with everything that stands on an invoice: tiers, fees, packages, apps, plans, a minimum, late usage.

And what an independent reader of FOCUS says of a folder of datasets. No assertions here.
"""

import csv
from decimal import Decimal
from pathlib import Path

from focus_data_toolkit.model.capabilities import KNOWN_CONDITIONS
from focus_data_toolkit.model.validator import lint_focus_1_4_structure
from focus_data_toolkit.validate.bundle import validate_dataset_bundle

from flybill_pipeline.billing.money.period import Month

SEP, OCT, NOV = Month(2025, 9), Month(2025, 10), Month(2025, 11)
NAMES = {
    "cost_and_usage.csv": "Cost and Usage",
    "invoice_detail.csv": "Invoice Detail",
    "billing_period.csv": "Billing Period",
    "contract_commitment.csv": "Contract Commitment",
}
PRICES = """
effective_from = 2025-01-01
currency = "usd"
[meters.seconds]
name = "Machines"
aggregation = "sum"
unit = "second"
[meters.gb]
name = "Bandwidth"
aggregation = "sum"
unit = "GB"
[meters.emails]
aggregation = "sum"
unit = "email"
[meters.sales]
aggregation = "sum"
unit = "dollar"
[meters.support]
aggregation = "sum"
unit = "ticket"
[meters.disks]
aggregation = "sum"
unit = "GB-month"
[[prices]]
meter = "seconds"
show_by = ["app"]
model = "graduated"
free_units = 100
tiers = [ { up_to = 1000, unit_amount = 0.0123, flat_amount = 1.5 }, { unit_amount = 0.01 } ]
[[prices]]
meter = "gb"
group_by = ["region"]
model = "per_unit"
unit_amount = 0.0712
[[prices]]
meter = "emails"
model = "package"
package_size = 1000
unit_amount = 0.35
[[prices]]
meter = "sales"
model = "percentage"
rate = 0.029
[[prices]]
meter = "support"
model = "flat"
unit_amount = 25
[[prices]]
meter = "disks"
model = "per_unit"
unit_amount = 0.1
minimum_spend = 2
maximum_spend = 5
[contracts.big]
minimum_spend = 200
"""
ITEMS = """item_id,kind,org_id,name,amount,currency,month,start,end,percent,seats,meters
team,subscription,acme,Team,10.00,usd,,2025-09-16,,,3,
setup,one_off,acme,Setup,50.00,usd,2025-10,,,,,
sorry,one_off,acme,Sorry,-5.00,usd,2025-10,,,,,
welcome,credit,acme,Welcome credit,20.00,usd,,2025-10-01,,,,
early,discount,acme,Early bird,,,,2025-10,2025-11,12.5,,seconds
gift,credit,cove,Gift,1000.00,usd,,2025-10-01,2025-11-01,,,
loyal,discount,acme,Loyal,3.00,usd,,2025-10,2025-11,,,
"""


Bundle = dict[str, list[dict[str, str]]]


def read(folder: Path) -> Bundle:
    """The rows of the datasets in a folder, by the names that FOCUS gives them."""
    found = {}
    for file, name in NAMES.items():
        with (folder / file).open(newline="") as opened:
            found[name] = list(csv.DictReader(opened))
    return found


def faults(bundle: Bundle) -> list[str]:
    """What the independent reader finds wrong, each dataset by itself and all together; its warnings too."""
    found = []
    for name, rows in bundle.items():
        if rows:
            found += lint_focus_1_4_structure(name, rows, supported_conditions=KNOWN_CONDITIONS).messages()
    report = validate_dataset_bundle(bundle, invoice_detail_authoritative=True, rounding_tolerance=Decimal(0))
    return found + [str(each) for each in (*report.errors, *report.warnings)]
