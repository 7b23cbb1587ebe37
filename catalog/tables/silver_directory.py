"""Silver: the organizations, practitioners and places that other records refer to."""

from catalog.model import (
    CLINICAL_RECORD,
    FREE_TEXT,
    IDENTIFYING,
    LINKING,
    OPERATIONAL,
    QUASI,
    Column,
    Table,
    Tag,
    fail,
    warn,
)
from catalog.tables.record import RECORD
from catalog.tables.silver_parts import code, codings, identifiers_column, is_known, reference_columns
from catalog.tables.silver_patient import GENDERS
from catalog.types import Boolean, Double, Text, array

LOCATION_STATUSES = ("active", "suspended", "inactive")
LOCATION_MODES = ("instance", "kind")


def _key(name: str) -> Column:
    return Column(name, Text, doc="Logical id in the source; `Type/id#contained` for a contained one.", tag=LINKING)


def _active() -> Column:
    return Column("is_active", Boolean, doc="In use; null if the source says nothing.", null=True, tag=OPERATIONAL)


def _npi(tag: Tag) -> Column:
    return Column("npi", Text, doc="First US National Provider Identifier, as written.", null=True, tag=tag)


def _address(which: str) -> tuple[Column, ...]:
    """Parts of one address: street lines may be somebody's home, so they identify."""
    return (
        Column("address_lines", array(Text), doc=f"Street lines of {which}.", null=True, tag=IDENTIFYING),
        Column("city", Text, doc="City of that address.", null=True, tag=QUASI),
        Column("district", Text, doc="County or district of that address.", null=True, tag=QUASI),
        Column("state", Text, doc="State or province of that address.", null=True, tag=QUASI),
        Column("postal_code", Text, doc="Postal code of that address.", null=True, tag=QUASI),
        Column("country", Text, doc="Country of that address, as written.", null=True, tag=QUASI),
    )


def _contact(but: str) -> tuple[Column, ...]:
    return (
        Column("phone", Text, doc=f"First phone number that is not {but}.", null=True, tag=IDENTIFYING),
        Column("email", Text, doc=f"First e-mail address that is not {but}.", null=True, tag=IDENTIFYING),
    )


_NPI_IS_VALID = warn.that("npi_is_valid", "_npi_ok", "The NPI has ten digits and the right check digit.")

ORGANIZATION = Table(
    "silver.organization",
    doc="One organization: provider, department, payer, employer.",
    grain="one row per source organization, contained ones included under the id of their container",
    columns=(
        _key("organization_id"),
        identifiers_column(LINKING),
        _npi(LINKING),
        Column("name", Text, doc="Name in use.", null=True, tag=QUASI),
        Column("aliases", array(Text), doc="Other names, now or in the past.", null=True, tag=QUASI),
        codings("type_codes", "Kinds of organization, all codings."),
        code("type_code", "First of type_codes, such as prov, dept or pay."),
        Column("type_text", Text, doc="First kind in the source's words.", null=True, tag=QUASI),
        _active(),
        *_address("the first address not old"),
        *_contact("old"),
        *reference_columns(
            "part_of_organization", "The organization that this one is part of", ref="silver.organization"
        ),
        *RECORD,
    ),
    key=("organization_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("organization_id"),
        fail.that(
            "is_not_part_of_itself",
            "part_of_organization_id <> organization_id",
            "An organization is not part of itself, which would make a walk up the hierarchy endless.",
        ),
        warn.that(
            "name_or_identifier_is_given",
            "name is not null or size(identifiers) > 0",
            "There is a name or an identifier, as FHIR asks for.",
        ),
        _NPI_IS_VALID,
        warn.reference("part_of_organization_id"),
        fail.volume(0.5),
    ),
)

PRACTITIONER = Table(
    "silver.practitioner",
    doc="One person who provides care, as the source describes them today; their roles are not part of it.",
    grain="one row per source practitioner, contained ones included under the id of their container",
    columns=(
        _key("practitioner_id"),
        identifiers_column(IDENTIFYING),
        _npi(IDENTIFYING),
        Column("family_name", Text, doc="Family name: official, else usual, else first.", null=True, tag=IDENTIFYING),
        Column("given_names", array(Text), doc="Given names of the same name.", null=True, tag=IDENTIFYING),
        Column("name_text", Text, doc="The same name as one text, if the source has it.", null=True, tag=IDENTIFYING),
        _active(),
        Column("gender", Text, doc="Administrative gender.", null=True, values=GENDERS, tag=QUASI),
        codings("qualification_codes", "Certificates, licences and degrees, all codings."),
        code("qualification_code", "First of qualification_codes."),
        Column("qualification_text", Text, doc="First qualification in the source's words.", null=True, tag=QUASI),
        *_address("the first address for work, or without a use"),
        *_contact("old or private"),
        *RECORD,
    ),
    key=("practitioner_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("practitioner_id"),
        is_known("gender", GENDERS, required=False),
        warn.that(
            "name_is_given",
            "family_name is not null or size(given_names) > 0 or name_text is not null",
            "The practitioner has a name.",
        ),
        _NPI_IS_VALID,
        fail.volume(0.5),
    ),
)

LOCATION = Table(
    "silver.location",
    doc="One place where care is given: site, building, ward, room, bed, vehicle or somebody's home.",
    grain="one row per source location, contained ones included under the id of their container",
    columns=(
        _key("location_id"),
        identifiers_column(LINKING),
        _npi(LINKING),
        Column("name", Text, doc="Name in use.", null=True, tag=QUASI),
        Column("aliases", array(Text), doc="Other names, now or in the past.", null=True, tag=QUASI),
        Column("description", Text, doc="What it is and how to find it, in words.", null=True, tag=FREE_TEXT),
        Column(
            "status",
            Text,
            doc="Status as FHIR R4 names it; null if not said.",
            null=True,
            values=LOCATION_STATUSES,
            tag=OPERATIONAL,
        ),
        Column(
            "mode",
            Text,
            doc="instance: one place; kind: a class of places. Null if not said.",
            null=True,
            values=LOCATION_MODES,
            tag=OPERATIONAL,
        ),
        Column("operational_status_code", Text, doc="Bed status, v2-0116.", null=True, tag=OPERATIONAL),
        codings("type_codes", "What is done there, all codings."),
        code("type_code", "First of type_codes."),
        codings("physical_type_codes", "Site, building, ward, room, bed …, all codings."),
        code("physical_type_code", "First of physical_type_codes: si, bu, wa, ro, bd …."),
        *_address("the address"),
        Column("latitude", Double, doc="Latitude, WGS84.", null=True, unit="deg", tag=IDENTIFYING),
        Column("longitude", Double, doc="Longitude, WGS84.", null=True, unit="deg", tag=IDENTIFYING),
        *_contact("old"),
        *reference_columns("organization", "The organization that runs it", ref="silver.organization"),
        *reference_columns("part_of_location", "The place that this one is part of", ref="silver.location"),
        *RECORD,
    ),
    key=("location_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("location_id"),
        is_known("status", LOCATION_STATUSES, required=False),
        is_known("mode", LOCATION_MODES, required=False),
        fail.that(
            "position_is_on_earth",
            "coalesce(latitude, 0) between -90 and 90 and coalesce(longitude, 0) between -180 and 180",
            "Latitude lies between -90 and 90 degrees, longitude between -180 and 180.",
        ),
        fail.that(
            "is_not_part_of_itself",
            "part_of_location_id <> location_id",
            "A place is not part of itself, which would make a walk up the hierarchy endless.",
        ),
        warn.that(
            "position_is_whole",
            "(latitude is null) = (longitude is null) and not (latitude <=> 0 and longitude <=> 0)",
            "A position has latitude and longitude, and is not 0, 0, where nothing is but water.",
        ),
        warn.that("name_is_given", "name is not null", "The place has a name."),
        _NPI_IS_VALID,
        warn.reference("organization_id"),
        warn.reference("part_of_location_id"),
        fail.volume(0.5),
    ),
)
