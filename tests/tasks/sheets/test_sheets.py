"""Contact sheets: which pictures stand on them, and that they are drawn."""

import io

import pytest
from PIL import Image, ImageFont

from ray_jobs.contract.dataset import Split
from tasks.sheets import font as fonts
from tasks.sheets.canvas import TILE_PX, Tile, sheet
from tasks.sheets.draw import draw_pick
from tasks.sheets.picks import class_sheets, conflict_sheet, near_duplicate_sheet
from tests.fakes import InMemoryStore
from tests.tasks.ingest.pictures import encoded, entry, make_tree, photo, picture
from tests.tasks.ingest.test_ingest import entries_of, manifest_of, run


@pytest.fixture
def ingested(tmp_path):
    root = make_tree(tmp_path / "source", {"可回收物": 50, "glass": 6})
    (root / "glass" / "doubtful.jpg").write_bytes(photo(900))
    (root / "可回收物" / "doubtful.jpg").write_bytes(photo(900))
    (root / "glass" / "near.jpg").write_bytes(encoded(picture(51), quality=40))
    store = InMemoryStore()
    published = run(store, root)
    return store, manifest_of(store, published), entries_of(store, published)


def opened(data):
    return Image.open(io.BytesIO(data))


def test_a_class_sheet_shows_some_pictures_of_the_split_alone(ingested):
    _, manifest, entries = ingested
    few, many = class_sheets(manifest, entries, Split.TRAIN)
    assert many.title == "可回收物: 35 of 35 in train"
    assert [len(row) for row in many.rows] == [6, 6, 6, 6, 6, 5]
    assert {one.label for row in few.rows for one in row} == {"glass"}
    assert {one.split for row in few.rows for one in row} == {Split.TRAIN}


def test_a_class_name_is_never_a_path(ingested):
    _, manifest, entries = ingested
    names = ("../../etc/passwd", "a/b", "glass", "可回收物/易拉罐")
    hostile = manifest.model_copy(update={"classes": names})
    stems = [pick.stem for pick in class_sheets(hostile, entries, Split.TRAIN)]
    assert stems == ["class-0-etc-passwd", "class-1-a-b", "class-2-glass", "class-3"]


def test_near_duplicates_stand_in_a_row(ingested):
    _, _, entries = ingested
    pick = near_duplicate_sheet(entries)
    assert [[one.path for one in row] for row in pick.rows] == [
        ["glass/0051.jpg", "glass/near.jpg"]
    ]


def test_the_same_picture_under_two_labels_stands_in_a_row(ingested):
    _, _, entries = ingested
    pick = conflict_sheet(entries)
    assert pick.title == "the same picture under two labels: 1 of 1"
    assert [[one.label for one in row] for row in pick.rows] == [["glass", "可回收物"]]


def test_of_many_groups_the_largest_are_shown():
    entries = [entry(f"glass/{g:02d}-{n}.jpg", group=str(g)) for g in range(20) for n in range(g)]
    pick = near_duplicate_sheet(entries)
    assert pick.title == "near-duplicates: 12 of 18 groups"
    assert [len(row) for row in pick.rows] == [8] * 12


def test_a_pick_is_drawn_from_the_originals(ingested):
    store, manifest, entries = ingested
    for pick in (*class_sheets(manifest, entries, Split.TRAIN), conflict_sheet(entries)):
        drawn = opened(draw_pick(store, pick, "waste @ 1"))
        assert drawn.format == "PNG"
        assert drawn.height > len(pick.rows) * TILE_PX
        assert drawn.convert("L").getextrema()[0] < 80


def test_a_picture_is_drawn_into_its_place():
    red = Image.new("RGB", (400, 200), "red")
    drawn = opened(sheet("a title", "below", [[Tile(red, ("a.jpg",))]])).convert("RGB")
    box = drawn.point(lambda value: value).getcolors(2**20)
    assert dict((color, count) for count, color in box)[(255, 0, 0)] == TILE_PX * TILE_PX // 2


def test_of_a_long_path_the_end_is_left():
    path = "a/very/long/path/" * 9 + "photo-0001.jpg"
    short = fonts.shortened(path, TILE_PX, 12)
    assert short.startswith("…")
    assert short.endswith("photo-0001.jpg")
    assert fonts.font(12).getlength(short) <= TILE_PX
    assert fonts.shortened("a.jpg", TILE_PX, 12) == "a.jpg"


def test_without_a_chinese_font_a_sheet_is_drawn_all_the_same(monkeypatch):
    monkeypatch.setattr(fonts, "_CJK", ())
    fonts.font.cache_clear()
    try:
        assert fonts.chinese_font() is None
        assert isinstance(fonts.font(12), ImageFont.FreeTypeFont)
        tile = Tile(Image.new("RGB", (9, 9)), ("可回收物",))
        assert opened(sheet("可回收物", "", [[tile]])).format == "PNG"
    finally:
        fonts.font.cache_clear()
