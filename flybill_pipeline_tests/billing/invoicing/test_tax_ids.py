"""A tax id shows by its form and country which of Stripe's types it is; what does not is refused with advice."""

import re
from contextlib import suppress
from typing import Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe.params import CustomerCreateTaxIdParams

from flybill_pipeline.billing.invoicing.countries import COUNTRIES, MEANT
from flybill_pipeline.billing.invoicing.tax_ids import TYPES, TaxId, UnknownTaxIdError, tax_id_of

EXAMPLES = (
    """
AD ad_nrt A-123456-Z|AE ae_trn 123456789012345|AL al_tin J12345678N|AR ar_cuit 12-3456789-01|AU au_abn 12345678912
AU au_arn 123456789123|AT eu_vat ATU12345678|BH bh_vat 123456789012345|BE eu_vat BE0123456789
BR br_cnpj 01.234.456/5432-10|BR br_cpf 123.456.789-87|BG bg_uic 123456789|BG eu_vat BG0123456789|CA ca_bn 123456789
CA ca_gst_hst 123456789RT0002|CA ca_pst_bc PST-1234-5678|CA ca_qst 1234567890TQ1234|CH ch_vat CHE-123.456.789 MWST
CH ch_uid CHE-123.456.789|CL cl_tin 12.345.678-K|CN cn_tin 123456789012345678|CO co_nit 123.456.789-0
CR cr_tin 1-234-567890|HR hr_oib 12345678901|HR eu_vat HR12345678912|CY eu_vat CY12345678Z|CZ eu_vat CZ1234567890
DK eu_vat DK12345678|EE eu_vat EE123456789|EU eu_oss_vat EU123456789|FI eu_vat FI12345678|FR eu_vat FRAB123456789
GE ge_vat 123456789|DE eu_vat DE123456789|DE de_stn 1234567890|GR eu_vat EL123456789|HU eu_vat HU12345678
IE eu_vat IE1234567AB|IT eu_vat IT12345678912|LT eu_vat LT123456789123|LU eu_vat LU12345678|LV eu_vat LV12345678912
MT eu_vat MT12345678|MX mx_rfc ABC010203AB9|NL eu_vat NL123456789B12|NO no_vat 123456789MVA|NZ nz_gst 123456789
PL eu_vat PL1234567890|PT eu_vat PT123456789|RO eu_vat RO1234567891|SA sa_vat 123456789012345|SE eu_vat SE123456789123
SG sg_gst M12345678X|SG sg_uen 123456789F|SI eu_vat SI12345678|SK eu_vat SK1234567891|ES eu_vat ESA1234567Z
ES es_cif A12345678|TH th_vat 1234567891234|TW tw_vat 12345678|UA ua_vat 123456789|GB gb_vat GB123456789
GB eu_vat XI123456789|US us_ein 12-3456789|ZA za_vat 4123456789|IN in_gst 12ABCDE3456FGZH|KR kr_brn 123-45-67890
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
"""Country, type and example, as Stripe's page has them."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_stripes_own_examples_have_their_types(example: str) -> None:
    country, kind, value = example.split(" ", 2)
    assert tax_id_of(value, country) == TaxId(kind, value)


def test_the_types_are_those_that_the_library_sends() -> None:
    kinds = get_args(CustomerCreateTaxIdParams.__annotations__["type"])
    literals = [each for each in kinds if get_origin(each) is Literal]
    assert {name for literal in literals for name in get_args(literal)} == TYPES


@pytest.mark.parametrize("text", ["de 123 456 789", "DE-123.456.789", "De123456789"])
def test_a_vat_number_is_written_as_stripe_wants_it(text: str) -> None:
    assert tax_id_of(text, None) == TaxId("eu_vat", "DE123456789")


def test_a_person_may_name_the_type() -> None:
    assert tax_id_of("us_ein: 12-3456789", None) == TaxId("us_ein", "12-3456789")
    with pytest.raises(UnknownTaxIdError, match="us_ein:12-3456789"):
        tax_id_of("us_tin:12-3456789", "US")


@pytest.mark.parametrize(("text", "country"), [("12-3456789", None), ("hello", "US"), ("", "DE"), ("DE12", "DE")])
def test_what_shows_no_type_is_refused_with_what_to_write(text: str, country: str | None) -> None:
    with pytest.raises(UnknownTaxIdError) as refused:
        tax_id_of(text, country)
    assert ("add the country" in str(refused.value)) is (country is None)


@given(st.text(max_size=40), st.none() | st.sampled_from(sorted(COUNTRIES)))
def test_any_text_is_a_known_type_or_refused(text: str, country: str | None) -> None:
    with suppress(UnknownTaxIdError):
        assert tax_id_of(text, country).kind in TYPES


def test_countries_are_pairs_of_letters_and_none_that_is_only_meant() -> None:
    assert len(COUNTRIES) == 249
    assert all(re.fullmatch("[A-Z]{2}", country) for country in COUNTRIES)
    assert not COUNTRIES & MEANT.keys()
    assert set(MEANT.values()) <= COUNTRIES
