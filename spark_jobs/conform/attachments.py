"""Attachments to text: base64 and character sets as native Spark columns, nothing guessed."""

from pyspark.sql import Column
from pyspark.sql import functions as F

# What a charset parameter may say, in lower case, and the decoder for it.
_CHARSETS = {
    "UTF-8": ("", "utf-8", "utf8", "us-ascii", "ascii"),
    "ISO-8859-1": ("iso-8859-1", "iso_8859-1", "iso8859-1", "latin-1", "latin1", "l1"),
    "windows-1252": ("windows-1252", "cp1252", "cp-1252"),
}


def is_text(content_type: Column) -> Column:
    """Whether a MIME type is `text/…`; false where there is none."""
    return F.coalesce(F.startswith(F.lower(F.trim(content_type)), F.lit("text/")), F.lit(False))


def _charset(content_type: Column) -> Column:
    """The charset parameter in lower case; empty if there is none."""
    return F.regexp_extract(F.lower(content_type), r""";\s*charset\s*=\s*["']?([^"';\s]+)""", 1)


def binary(data: Column) -> Column:
    """Bytes from base64, white space allowed; null if it is none."""
    # Spark takes white space between the letters, but not after the padding.
    return F.try_to_binary(F.translate(data, " \t\r\n", ""), F.lit("base64"))


def decoded(content_type: Column, content: Column) -> Column:
    """The text of bytes that are `text/…`, without a byte order mark.

    UTF-8 where no charset is named. Null for other types, for a charset that is not known here, and for bytes that the
    named charset does not have: a decoder would put U+FFFD in their place, so what it yields is encoded again and
    compared.
    """
    charset = _charset(content_type)
    text = F.lit(None).cast("string")
    for name, spellings in _CHARSETS.items():
        attempt = F.decode(content, name)
        faithful = F.when(F.encode(attempt, name) == content, attempt)
        text = F.when(charset.isin(*spellings), faithful).otherwise(text)
    return F.when(is_text(content_type), F.regexp_replace(text, "^\ufeff", ""))


def sha1_base64(content: Column) -> Column:
    """SHA-1 of bytes as FHIR's Attachment.hash writes it."""
    return F.base64(F.unhex(F.sha1(content)))
