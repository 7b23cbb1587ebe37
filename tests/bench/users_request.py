"""The request that draws a page of the dashboard."""


def request_of(address: str) -> dict[str, object]:
    """What Dash's renderer asks with when the address changes."""
    path, _, search = address.partition("?")
    return {
        "output": "..content.children...as-of-data.data..",
        "outputs": [{"id": "content", "property": "children"}, {"id": "as-of-data", "property": "data"}],
        "inputs": [
            {"id": "url", "property": "pathname", "value": path},
            {"id": "url", "property": "search", "value": f"?{search}" if search else ""},
            {"id": "changed", "property": "data", "value": None},
        ],
        "changedPropIds": ["url.pathname"],
    }
