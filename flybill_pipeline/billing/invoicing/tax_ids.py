"""The type of a tax id at Stripe, by its country and form. A table and its reading; whether the id exists: not here.

Source: the examples of Stripe's "Customer tax IDs" (docs.stripe.com/billing/customer/tax-ids), read on 2026-11-29, and
the types that stripe-python names. Where a form does not show the type, a person writes it: `eu_vat:DE123456789`.
"""

import re
from dataclasses import dataclass

_TYPES = """
    ad_nrt ae_trn al_tin am_tin ao_tin ar_cuit au_abn au_acn au_arn au_wpn aw_tin az_tin ba_tin bb_tin bd_bin bf_ifu
    bg_uic bh_vat bj_ifu bo_tin br_cnpj br_cpf bs_tin bw_vat by_tin ca_bn ca_gst_hst ca_pst_bc ca_pst_mb ca_pst_sk
    ca_qst cd_nif ch_uid ch_vat ci_vat cl_tin cm_niu cn_tin co_nit cr_tin cv_nif cz_dic de_stn do_rcn ec_ruc eg_tin
    es_cif et_tin eu_oss_vat eu_vat fo_vat fr_siren fr_siret fr_spi gb_vat ge_vat gh_tin gi_tin gn_nif hk_br hr_oib
    hu_tin ic_nif id_npwp il_vat in_gst is_kt is_vat it_cf jp_cn jp_rn jp_trn ke_pin kg_tin kh_tin kr_brn kz_bin la_tin
    li_uid li_vat lk_vat ma_vat md_cf md_vat me_pib mk_vat mr_nif mu_vat mx_rfc my_frp my_itn my_sst mz_nuit ng_tin
    no_vat no_voec np_pan nz_bn nz_gst om_vat pe_ruc ph_tin pl_nip pt_nif py_ruc ro_tin rs_pib ru_inn ru_kpp sa_vat
    sg_gst sg_uen si_tin sm_coe sn_ninea sr_fin sv_nit th_vat tj_tin tr_tin tt_bir tt_vat tw_vat tz_vat ua_vat ug_tin
    us_ein uy_ruc uz_tin uz_vat ve_rif vn_tin za_vat zm_tin zw_tin
"""
TYPES = frozenset(_TYPES.split())
"""All types that Stripe knows."""

_EU_VAT = """
    ATU[0-9]{8} BE[0-9]{10} BG[0-9]{9,10} CY[0-9]{8}[A-Z] CZ[0-9]{8,10} DE[0-9]{9} DK[0-9]{8} EE[0-9]{9} EL[0-9]{9}
    ES[A-Z0-9][0-9]{7}[A-Z0-9] FI[0-9]{8} FR[A-Z0-9]{2}[0-9]{9} HR[0-9]{11} HU[0-9]{8,11}
    IE[0-9][A-Z0-9][0-9]{5}[A-Z]{1,2} IT[0-9]{11}
    LT([0-9]{9}|[0-9]{12}) LU[0-9]{8} LV[0-9]{11} MT[0-9]{8} NL[0-9]{9}B[0-9]{2} PL[0-9]{10} PT[0-9]{9}
    RO[0-9]{2,10} SE[0-9]{12} SI[0-9]{8} SK[0-9]{10} XI([0-9]{9}|[0-9]{12})
"""
_BY_FORM = [
    ("eu_vat", "|".join(_EU_VAT.split())),
    ("eu_oss_vat", "EU[0-9]{9}"),
    ("gb_vat", "GB([0-9]{9}|[0-9]{12}|(GD|HA)[0-9]{3})"),
    ("ch_vat", "CHE[0-9]{9}(MWST|TVA|IVA|VAT)"),
]
"""What shows by itself of which type it is; letters and digits without what stands between them."""
_PLAIN = ("eu_vat", "eu_oss_vat", "gb_vat")
"""Stripe's examples of these have capitals and digits only; others have signs in between, and stay as they are."""

_BY_COUNTRY = """
    AD ad_nrt [A-Z][0-9]{6}[A-Z]
    AE ae_trn [0-9]{15}
    AL al_tin [A-Z][0-9]{8}[A-Z]
    AR ar_cuit [0-9]{11}
    AU au_abn [0-9]{11}
    AU au_arn [0-9]{12}
    AU au_acn [0-9]{9}
    BG bg_uic [0-9]{9}
    BH bh_vat [0-9]{15}
    BR br_cnpj [A-Z0-9]{12}[0-9]{2}
    BR br_cpf [0-9]{11}
    CA ca_bn [0-9]{9}
    CA ca_gst_hst [0-9]{9}RT[0-9]{4}
    CA ca_qst [0-9]{10}TQ[0-9]{4}
    CA ca_pst_bc PST[0-9]{8}
    CH ch_uid CHE[0-9]{9}
    CL cl_tin [0-9]{7,8}[0-9K]
    CN cn_tin [A-Z0-9]{15,18}
    CO co_nit [0-9]{9,10}
    CR cr_tin [0-9]{9,12}
    DE de_stn [0-9]{10,11}
    EC ec_ruc [0-9]{13}
    EG eg_tin [0-9]{9}
    ES es_cif [A-Z][0-9]{7}[A-Z0-9]
    FR fr_siren [0-9]{9}
    FR fr_siret [0-9]{14}
    GE ge_vat [0-9]{9}
    HK hk_br [0-9]{8}
    HR hr_oib [0-9]{11}
    HU hu_tin [0-9]{11}
    ID id_npwp [0-9]{15,16}
    IL il_vat [0-9]{9}
    IN in_gst [0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][A-Z0-9]{3}
    IS is_vat [0-9]{5,6}
    JP jp_cn [0-9]{13}
    JP jp_trn T[0-9]{13}
    JP jp_rn [0-9]{5}
    KE ke_pin [A-Z][0-9]{9}[A-Z]
    KR kr_brn [0-9]{10}
    KZ kz_bin [0-9]{12}
    LI li_uid CHE[0-9]{9}
    MX mx_rfc [A-ZÑ&]{3,4}[0-9]{6}[A-Z0-9]{3}
    NG ng_tin [0-9]{8,12}
    NO no_vat [0-9]{9}MVA
    NO no_voec [0-9]{7}
    NZ nz_gst [0-9]{8,9}
    OM om_vat OM[0-9]{10}
    PE pe_ruc [0-9]{11}
    PH ph_tin [0-9]{12}
    PL pl_nip [0-9]{10}
    RO ro_tin [0-9]{13}
    RS rs_pib [0-9]{9}
    SA sa_vat [0-9]{15}
    SG sg_gst M[A-Z0-9][0-9]{7}[A-Z]
    SG sg_uen [0-9]{8,9}[A-Z]
    SI si_tin [0-9]{8}
    TH th_vat [0-9]{13}
    TR tr_tin [0-9]{10}
    TW tw_vat [0-9]{8}
    UA ua_vat [0-9]{9,12}
    US us_ein [0-9]{9}
    UY uy_ruc [0-9]{12}
    VE ve_rif [A-Z][0-9]{9}
    VN vn_tin [0-9]{10}([0-9]{3})?
    ZA za_vat 4[0-9]{9}
"""
_FORMS = [(country, kind, form) for country, kind, form in map(str.split, _BY_COUNTRY.strip().splitlines())]


class UnknownTaxIdError(ValueError):
    """The type of a tax id shows neither by its country nor by its form; the message says what to write."""


@dataclass(frozen=True, slots=True)
class TaxId:
    """A tax id as Stripe takes it."""

    kind: str
    value: str


def tax_id_of(text: str, country: str | None) -> TaxId:
    """The tax id that `text` says for a `country` (two letters). Raises UnknownTaxIdError."""
    kind, colon, value = text.partition(":")
    if colon and kind in TYPES and value.strip():
        return TaxId(kind, value.strip())
    letters = re.sub(r"[\s./-]", "", text).upper()
    forms = [(each, form) for where, each, form in _FORMS if where == country] + _BY_FORM
    known = next((each for each, form in forms if re.fullmatch(form, letters)), None)
    if known is None:
        raise UnknownTaxIdError(_advice(text, country))
    return TaxId(known, letters if known in _PLAIN else text)


def _advice(text: str, country: str | None) -> str:
    where = f"in {country}" if country else "without an address_country"
    return (
        f"tax_id {text!r} has no form that is known {where}: "
        f"{'' if country else 'add the country, or '}write Stripe's type before it, such as us_ein:12-3456789 "
        "(docs.stripe.com/billing/customer/tax-ids names the types)"
    )
