"""A damaged file gives no rows: the error names its table and what to do."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.errors import EnvironmentFailed
from lakehouse.outages import explained
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from spark_jobs.lake import Lake


@pytest.mark.skipif(Settings().profile == "stack", reason="there the file is an object: tests/stack has that")
def test_a_value_that_turned_into_another_on_disk_is_not_read(lake: "Lake") -> None:
    lake.spark.sql("CREATE NAMESPACE lake.silver")
    plain = "TBLPROPERTIES ('write.parquet.compression-codec' = 'uncompressed')"
    lake.spark.sql(f"CREATE TABLE lake.silver.tiny (amount BIGINT) USING iceberg {plain}")
    rows = lake.spark.range(1_000_000_007, 1_000_000_507).selectExpr("id * id AS amount").coalesce(1)
    rows.writeTo("lake.silver.tiny").append()
    (file,) = [r.file_path for r in lake.spark.sql("select file_path from lake.silver.tiny.files").collect()]
    path = Path(file.removeprefix("file:"))
    good = path.read_bytes()
    at = good.index((1_000_000_100**2).to_bytes(8, "little"))
    path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
    (path.parent / f".{path.name}.crc").unlink(missing_ok=True)
    with pytest.raises(EnvironmentFailed, match=r"silver\.tiny"), explained(lake.settings, "silver.tiny"):
        lake.spark.table("lake.silver.tiny").agg({"amount": "sum"}).collect()
