"""SQL for the id that several parts make together, and for ids that were cut. Which parts they are is the mapping's.

A spreadsheet saves an account of 12 digits as 1.23457E+11, and so it does the accounts beside it: of rows that have one
id for that reason only one would count.
"""

from flybill_pipeline.stores.files.duck import quoted

SEPARATOR = "chr(31)"
CUT = r"-?[0-9](?:\.[0-9]+)?[eE]\+(?:1[1-9]|[2-9][0-9])"
"""A number of 12 digits or more as Excel saves it, or of 17 as pandas does: with the first digits alone.

R writes 100000 as 1e+05, and 100001 with all digits: such a one is whole.
"""
_CUT_PART = rf"(?:^|\x1f)({CUT})(?:\x1f|$)"

ID_MACROS = f"""
-- Parts with SEPARATOR between them: a hash of them, or the first one that is cut. Most have none of the two letters,
-- which is seen sooner than by a regular expression.
create or replace macro id_of_parts(parts) as
    case when contains(parts, 'E+') or contains(parts, 'e+')
         then coalesce(nullif(regexp_extract(parts, {quoted(_CUT_PART)}, 1), ''), md5(parts))
         else md5(parts) end;
"""


def is_cut(text: str) -> str:
    """SQL, true where the text, given as SQL, is a number with its first digits alone."""
    return f"(contains({text}, '+') and regexp_full_match({text}, {quoted(CUT)}))"
