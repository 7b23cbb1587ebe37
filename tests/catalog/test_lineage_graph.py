"""The lineage graph: up to the sources, down to what depends on them, as text, Mermaid and JSON."""

from catalog.lineage import (
    CONDITIONAL,
    CONSTANT,
    DIRECT,
    FILTER,
    IDENTITY,
    INDIRECT,
    TRANSFORMATION,
    Edge,
    Graph,
    Node,
    to_mermaid,
)

BORN = Node("bronze.raw", "payload", "Patient.birthDate")
BIRTH = Node("silver.patient", "birth_on")
AGE = Node("gold.stay", "age")
GRAPH = Graph(
    (
        Edge(BIRTH, BORN, DIRECT, TRANSFORMATION),
        Edge(AGE, BIRTH, DIRECT, TRANSFORMATION, True),
        Edge(AGE, Node("silver.visit", "started_on"), INDIRECT, CONDITIONAL),
        Edge(Node("silver.visit", "started_on"), Node("bronze.raw", "payload", "Encounter.period"), DIRECT, IDENTITY),
        Edge(Node("gold.stay"), BIRTH, INDIRECT, FILTER),
        Edge(Node("gold.stay", "version"), Node(""), CONSTANT),
    )
)


def test_up_leads_to_the_elements() -> None:
    assert GRAPH.up(AGE).lines() == [
        "gold.stay.age",
        "├─ silver.patient.birth_on  (transformation, masked)",
        "│  └─ bronze.raw.payload Patient.birthDate  (transformation)",
        "└─ silver.visit.started_on  (conditional)",
        "   └─ bronze.raw.payload Encounter.period  (identity)",
    ]


def test_down_leads_to_columns_and_to_the_rows_that_it_decides() -> None:
    assert GRAPH.down(BORN).lines() == [
        "bronze.raw.payload Patient.birthDate",
        "└─ silver.patient.birth_on  (transformation)",
        "   ├─ gold.stay.(rows)  (filter)",
        "   └─ gold.stay.age  (transformation, masked)",
    ]


def test_what_depends_on_a_column_depends_on_each_of_its_elements() -> None:
    found = {str(tree.node) for tree in GRAPH.down(Node("bronze.raw", "payload")).children}
    assert found == {"silver.patient.birth_on", "silver.visit.started_on"}


def test_a_constant_is_marked_as_one() -> None:
    assert GRAPH.up(Node("gold.stay", "version")).lines() == ["gold.stay.version", "└─ no column  (constant)"]


def test_tables_lead_to_tables() -> None:
    tree = GRAPH.up(Node("gold.stay"))
    assert [str(below.node) for _, below in tree.walk()] == [
        "silver.patient",
        "bronze.raw",
        "silver.visit",
        "bronze.raw",
    ]


def test_depth_is_kept() -> None:
    assert [str(below.node) for _, below in GRAPH.up(AGE, 1).walk()] == [
        "silver.patient.birth_on",
        "silver.visit.started_on",
    ]


def test_a_circle_ends() -> None:
    one, two = Node("silver.a", "x"), Node("silver.b", "y")
    circle = Graph((Edge(one, two, DIRECT, IDENTITY), Edge(two, one, DIRECT, IDENTITY)))
    assert circle.up(one).lines()[1:] == ["└─ silver.b.y  (identity)", "   └─ silver.a.x  (identity)"]


def test_mermaid_draws_each_node_once_and_runs_from_source_to_result() -> None:
    assert to_mermaid([GRAPH.up(BIRTH)], upwards=True).splitlines() == [
        "flowchart LR",
        '  n0["silver.patient.birth_on"]',
        '  n1["bronze.raw.payload Patient.birthDate"]',
        "  n1 -->|transformation| n0",
    ]
    assert to_mermaid([GRAPH.down(BORN)], upwards=False).splitlines()[-1] == "  n1 -->|transformation, masked| n3"


def test_json_names_table_column_element_and_how() -> None:
    assert GRAPH.up(BIRTH).as_dict() == {
        "dataset": "silver.patient",
        "column": "birth_on",
        "children": [
            {
                "dataset": "bronze.raw",
                "column": "payload",
                "element": "Patient.birthDate",
                "how": ["transformation"],
            }
        ],
    }


def test_an_element_that_decides_rows_makes_its_column_decide_them() -> None:
    graph = Graph((Edge(Node("silver.visit"), Node("bronze.raw", "payload", "Encounter.status"), INDIRECT, FILTER),))
    assert graph.down(Node("bronze.raw", "payload")).lines() == [
        "bronze.raw.payload",
        "└─ silver.visit.(rows)  (filter)",
    ]


def test_nodes_are_found_by_name_with_or_without_layer() -> None:
    names = GRAPH.names()
    assert names["silver.patient.birth_on"] == names["patient.birth_on"] == [BIRTH]
    assert names["Patient.birthDate"] == [BORN]
    assert names["gold.stay"] == [Node("gold.stay")]
