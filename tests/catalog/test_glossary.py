"""The glossary tells every word that it is asked for, of tables that are there."""

from catalog.glossary import RETENTION, TAGS, TERMS
from catalog.model import Tag
from catalog.registry import TABLES


def test_every_tag_layer_and_retention_class_is_told() -> None:
    assert {t.name for t in TERMS.values() if t.group == TAGS} == {tag.value for tag in Tag}
    assert {t.retention.name for t in TABLES.values()} <= {t.name for t in TERMS.values() if t.group == RETENTION}
    assert {t.schema_name for t in TABLES.values()} <= TERMS.keys()


def test_meanings_are_sentences_and_lead_to_tables_that_are_declared() -> None:
    assert all(term.meaning.endswith(".") for term in TERMS.values())
    assert {name for term in TERMS.values() for name in term.tables} <= TABLES.keys()
