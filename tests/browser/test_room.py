"""The board in a real browser: thirty learners join, solve and leave before the eyes of a room."""

import threading
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from boards import INVERTED, SAY, WITHOUT, running
from driver import PATIENCE, until

SIZES = {"wall": {"width": 1920, "height": 1080}, "phone": {"width": 420, "height": 800}}


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with running(tmp_path_factory.mktemp("board")) as board:
        yield board


@pytest.fixture
def opened(browser):
    """Opens an address; what the page says of errors, and whatever it asks elsewhere, is a failure."""
    pages, wrong = [], []

    def at(address, board, size="wall", scheme="light"):
        page = browser.new_page(viewport=SIZES[size], color_scheme=scheme)
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith(board.root) else wrong.append(asked.url))
        page.goto(address)
        return page

    yield at
    for page in pages:
        page.close()
    assert [words for words in wrong if "410 (Gone)" not in words] == []


def learner(board, number, come, leave):
    token = board.join()
    board.post(token, "softmax", "failed", "no_maximum")
    board.post(token, "softmax", "passed", None)
    if number % 3:
        board.post(token, "soft_lookup", "failed", "mask_inverted" if number % 3 == 1 else None)
    if number < 2:
        board.post(token, "soft_lookup", "failed", "no_softmax")
    if number == 5:
        board.ask(f"/{board.code}/moment", {"wanted": True, "at": 1}, token)
    come.wait(60)
    leave.wait(60)
    board.ask(f"/{board.code}/leave", {}, token)


@pytest.fixture(scope="module")
def room(board):
    """Thirty learners at once; they leave when the event is set."""
    come, leave = threading.Barrier(31), threading.Event()
    threads = [threading.Thread(target=learner, args=(board, number, come, leave)) for number in range(30)]
    for thread in threads:
        thread.start()
    come.wait(60)
    yield leave, threads
    leave.set()
    for thread in threads:
        thread.join(60)


def signs(page):
    return [page.locator(f"#{sign}").inner_text() for sign in ("passed", "failed", "open")]


def can_be_read(page):
    """Nothing that an accessibility checker objects to, and nothing beyond the window's edge."""
    violations = Axe().run(page).response["violations"]
    return violations == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_room_is_seen_as_it_is_and_a_mistake_of_two_is_not_shown(board, room, opened):
    wall = opened(board.address, board)
    until(lambda: wall.locator("#there").inner_text() == "30 there")
    wall.get_by_role("heading", name="2.2 Soft lookup").wait_for()
    assert signs(wall) == ["0", "21", "9"]
    assert wall.locator(".mistake .sentence").all_inner_texts() == [INVERTED]
    assert wall.locator(".mistake b").all_inner_texts() == ["10"] and WITHOUT not in wall.content()
    assert wall.locator("#moments").inner_text() == "1 needs a moment"
    assert board.secret not in wall.content()
    wall.keyboard.press("ArrowUp")
    wall.get_by_role("heading", name="2.1 Softmax").wait_for()
    assert signs(wall) == ["30", "0", "0"] and wall.locator(".mistake b").all_inner_texts() == ["30"]
    wall.locator("summary").focus()
    wall.keyboard.press("Enter")
    said = wall.get_by_text(SAY["softmax"][0])
    said.wait_for()
    with wall.expect_response("**/standing"):
        pass
    assert said.is_visible()  # what is open stays open when the next numbers come
    wall.keyboard.press("Escape")
    wall.get_by_role("heading", name="2.2 Soft lookup").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_both_pages_can_be_read_on_a_wall_and_on_a_phone(board, room, opened, size, scheme):
    wall = opened(board.address, board, size, scheme)
    until(lambda: wall.locator("#there").inner_text() == "30 there")
    assert can_be_read(wall)
    if size == "wall":
        heights = [wall.locator(part).evaluate("it => parseFloat(getComputedStyle(it).fontSize)")
                   for part in ("#passed", ".sentence", ".numbers >> nth=0")]  # fmt: skip
        assert heights[0] >= 60 and heights[1] >= 32 and heights[2] >= 24
    alone = opened(f"{board.root}/facilitator#{board.secret}", board, size, scheme)
    alone.get_by_text(WITHOUT).wait_for()
    assert can_be_read(alone)


def test_the_facilitator_ends_it_when_all_have_left_and_the_wall_says_so(board, room, opened, tmp_path):
    wall = opened(board.address, board)
    alone = opened(f"{board.root}/facilitator#{board.secret}", board)
    alone.get_by_text("minutes ago, at soft_lookup").wait_for()
    assert board.secret not in alone.url  # nor over anybody's shoulder
    leave, threads = room
    leave.set()
    for thread in threads:
        thread.join(60)
    alone.get_by_text("0 there, 30 joined").wait_for()
    until(lambda: wall.locator("#there").inner_text() == "0 there")
    assert signs(wall) == ["30", "0", "0"]
    alone.get_by_role("button", name="End the workshop").click()
    with alone.expect_download() as download:
        alone.get_by_role("button", name="Yes, end it").click()
        alone.get_by_role("link", name="Download it").click()
    assert Path(download.value.path()).read_text(encoding="utf-8") == board.board.report.read_text(encoding="utf-8")
    wall.get_by_text("The board says: the workshop has ended.").wait_for()
    assert [path.name for path in board.board.report.parent.iterdir()] == ["report.html"]
