"""Rows keep their values, their order and their lineage on the way to Parquet and back."""

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.errors import InputError
from selfcodealign.records import (
    Concepts,
    Dropped,
    Example,
    Message,
    Related,
    Seed,
    Strength,
    arrow_schema,
    derived_seed,
    read_rows,
    row_id,
    write_rows,
)

TEXT = st.text(alphabet=st.characters(codec="utf-8"))


@settings(deadline=None)
@given(st.lists(st.builds(Concepts, id=TEXT, seed_id=TEXT, concepts=st.lists(TEXT), exemplar_set=st.integers(0, 99))))
def test_rows_come_back_equal_and_in_order(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    assert write_rows(path, rows, Concepts) == len(rows)
    assert read_rows(path, Concepts) == rows


def test_nested_messages_come_back_as_records(tmp_path):
    names = [name for name in arrow_schema(Example).names if name not in {"messages", "concepts"}]
    numbers = {"first_line": 1, "last_line": 2}
    values = {name: numbers.get(name, name) for name in names}
    row = Example(**values, concepts=["a"], messages=[Message(role="user", content="hi")])
    write_rows(tmp_path / "x.parquet", [row], Example)
    assert read_rows(tmp_path / "x.parquet", Example) == [row]


def test_every_column_carries_its_description(tmp_path):
    write_rows(tmp_path / "x.parquet", [], Seed)
    schema = pq.read_schema(tmp_path / "x.parquet")
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)


@given(st.lists(TEXT), st.lists(TEXT))
def test_ids_differ_exactly_when_their_parts_differ(first, second):
    assert (row_id(*first) == row_id(*second)) == (first == second)


def test_ids_are_the_same_on_every_machine():
    assert row_id("seed", 1, "text") == "aa485f20ede9015799f4"


@given(st.integers(0, 2**40), TEXT)
def test_sampling_seeds_fit_31_bits(seed, text):
    assert 0 <= derived_seed(seed, text) < 2**31


def test_a_corrupt_file_is_one_line_that_names_it(tmp_path):
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"bad\.parquet is not a readable Parquet file") as caught:
        read_rows(path, Seed)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_the_way_out(tmp_path):
    with pytest.raises(InputError, match="dvc repro"):
        read_rows(tmp_path / "none.parquet", Seed)


def test_a_table_of_another_kind_is_refused(tmp_path):
    write_rows(tmp_path / "x.parquet", [], Dropped)
    with pytest.raises(InputError, match="is no Seed table"):
        read_rows(tmp_path / "x.parquet", Seed)


def test_a_failed_write_leaves_the_earlier_file_as_it_was(tmp_path):
    path = tmp_path / "x.parquet"
    rows = [Dropped(id="1", parent_id="", reason="r", detail="", text="")]
    write_rows(path, rows, Dropped)
    before = path.read_bytes()
    with pytest.raises(InputError, match="cannot write"):
        write_rows(path / "below" / "a-file.parquet", rows, Dropped)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["x.parquet"]


def test_a_field_that_may_be_none_comes_back_as_none_and_no_other_can_be(tmp_path):
    texts = {"score_unknown": "", "coverage_unknown": "no_mutants"}
    counts = {"num_mutants": 2, "num_killed": 1, "num_branches": 0, "num_hit": 0}
    row = Strength(id="a", mutation_score=0.5, branch_coverage=None, survivors=["x"], **counts, **texts)
    write_rows(tmp_path / "x.parquet", [row], Strength)
    assert read_rows(tmp_path / "x.parquet", Strength) == [row]
    nullable = [field.name for field in arrow_schema(Strength) if field.nullable]
    assert nullable == ["mutation_score", "branch_coverage"]


@given(st.integers(), st.lists(st.text(st.characters()) | st.integers(), max_size=3), st.text() | st.integers())
def test_ids_and_seeds_of_related_parts_are_those_of_the_whole(seed, common, last):
    related = Related(seed, *common)
    assert related.row_id(last) == row_id(*common, last)
    assert (
        related.derived_seed(last)
        == derived_seed(seed, *common, last)
        == int(row_id(seed, *common, last)[:8], 16) % 2**31
    )
