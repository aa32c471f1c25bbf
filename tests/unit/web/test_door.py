"""Who gets in, how long they stay, and what guessing costs."""

import pytest

from tests.support.fake_page import FakePage
from tests.support.fake_reader import acquisition, beat
from tests.support.page_visitor import Visitor

SCREENS = ("/", "/queue", "/holds", "/worklist", "/devices", "/destinations", "/system", "/acquisitions/1")
BEHIND = (
    "/password",
    "/acquisitions/1/thumbnail",
    "/destinations/accepts",
    "/emergency",
    "/performed",
    "/performed/1/discontinue",
    "/reconcile",
    "/reconcile/notices/1.txt",
    "/worklist/orders",
    "/worklist/sent",
)
POSTS = (
    "/acquisitions/1/retry",
    "/acquisitions/1/release",
    "/acquisitions/1/decide/<verb>",
    "/acquisitions/1/correct",
    "/acquisitions/1/correct/unscheduled",
    "/acquisitions/1/correct/check",
    "/acquisitions/1/correct/file",
    "/devices/close",
    "/destinations/elsewhere",
    "/destinations/learn-anew",
    "/destinations/test",
    "/holds/assign",
    "/holds/choose",
    "/holds/discard",
    "/holds/split",
    "/holds/unscheduled",
    "/holds/unscheduled/send",
    "/emergency/open",
    "/performed/close",
    "/performed/discontinue",
    "/performed/retry",
    "/reconcile/choose",
    "/reconcile/confirm",
    "/reconcile/refuse",
    "/reconcile/keep",
    "/reconcile/done",
    "/worklist",
    "/worklist/accept",
    "/worklist/look-up",
    "/worklist/open",
    "/scan",
    "/worklist/orders/add",
    "/worklist/orders/import",
    "/worklist/orders/remove",
    "/worklist/refresh",
    "/logout",
    "/password",
)


def test_every_address_of_the_page_is_in_these_lists(page: FakePage) -> None:
    rules = {
        (rule.rule.replace("<number:number>", "1"), method)
        for rule in page.app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    asked = {path for path, method in rules if method == "POST"}
    assert asked == {*POSTS, "/login"}
    shown = {path for path, method in rules if method == "GET"}
    assert shown == {
        *SCREENS,
        *BEHIND,
        "/login",
        "/health",
        "/static/<path:filename>",
    }


@pytest.mark.parametrize("path", [*SCREENS, *BEHIND, "/no/such/address"])
def test_a_stranger_is_sent_to_sign_in(stranger: Visitor, path: str) -> None:
    stranger.page.reader.rows = [acquisition(1)]
    answer = stranger.get(path)
    assert (answer.status_code, answer.location) == (303, "/login")
    assert "4711" not in answer.text


@pytest.mark.parametrize("path", POSTS)
def test_a_stranger_changes_nothing(stranger: Visitor, path: str) -> None:
    assert stranger.post(path, {"device": "fundus"}).location == "/login"
    assert stranger.page.desk.filed == []


def test_a_live_update_of_a_stranger_leads_to_the_door(stranger: Visitor) -> None:
    answer = stranger.get("/", HX_Request="true")
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login"


def test_health_needs_no_password_and_names_late_loops(stranger: Visitor) -> None:
    stranger.page.reader.beat_rows = [beat(), beat("assemble", "assemble", age_s=600)]
    answer = stranger.get("/health")
    assert answer.status_code == 503
    assert answer.json == {"status": "late", "late": ["assemble/assemble"]}
    stranger.page.reader.beat_rows.pop()
    assert stranger.get("/health").json == {"status": "ok", "late": []}


def test_signing_in_leads_where_one_wanted_to_go(stranger: Visitor) -> None:
    stranger.get("/holds")
    assert stranger.sign_in().location == "/holds"
    assert stranger.get("/holds").status_code == 200
    assert stranger.get("/login").location == "/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: Visitor) -> None:
    cookie = stranger.sign_in().headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_wrong_password_stays_outside(stranger: Visitor) -> None:
    assert stranger.sign_in("wrong").status_code == 403
    assert stranger.get("/").location == "/login"


def test_guessing_waits_longer_each_time_even_with_the_right_word(stranger: Visitor) -> None:
    assert [stranger.sign_in("wrong").status_code for _ in range(3)] == [403, 403, 403]
    refused = stranger.sign_in()
    assert refused.status_code == 429
    first_wait_s = int(refused.headers["Retry-After"])
    stranger.page.clock.pass_s(first_wait_s)
    assert stranger.sign_in("wrong").status_code == 403
    assert int(stranger.sign_in().headers["Retry-After"]) > first_wait_s
    stranger.page.clock.pass_s(600)
    assert stranger.sign_in().status_code == 303


def test_another_address_is_not_slowed_down(stranger: Visitor, page: FakePage) -> None:
    for _ in range(5):
        stranger.sign_in("wrong")
    assert Visitor(page, page.app.test_client(), "192.0.2.99").sign_in().status_code == 303


@pytest.mark.parametrize("path", [*POSTS, "/login"])
@pytest.mark.parametrize("token", ["", "forged", "é"])
def test_no_post_passes_without_the_token(person: Visitor, path: str, token: str) -> None:
    assert person.post(path, {"device": "fundus"}, token=token).status_code == 400
    assert person.page.desk.filed == []


def test_the_token_of_another_session_is_worth_nothing(person: Visitor, stranger: Visitor) -> None:
    assert person.post("/logout", token=stranger.token()).status_code == 400


def test_signing_in_makes_a_new_token(stranger: Visitor) -> None:
    stranger.get("/login")
    before = stranger.token()
    stranger.sign_in()
    assert stranger.token() != before


def test_signing_out_ends_copies_of_the_cookie_too(person: Visitor) -> None:
    cookie = person.client.get_cookie("gateway_session")
    assert cookie is not None
    assert person.post("/logout").location == "/login"
    thief = Visitor(person.page, person.page.app.test_client())
    thief.client.set_cookie("gateway_session", cookie.value)
    assert thief.get("/").location == "/login"


def test_an_idle_session_ends_and_live_updates_do_not_keep_it(person: Visitor) -> None:
    for _ in range(4):
        person.page.clock.pass_s(1000)
        person.get("/", HX_Request="true")
    assert person.get("/").location == "/login"


def test_a_person_who_works_stays(person: Visitor) -> None:
    for _ in range(4):
        person.page.clock.pass_s(3000)
        assert person.get("/").status_code == 200


def test_no_session_lasts_for_ever(person: Visitor) -> None:
    for _ in range(7 * 24 * 2):
        person.page.clock.pass_s(1800)
        last = person.get("/system")
    assert last.location == "/login"


def test_changing_the_password_ends_the_other_sessions(person: Visitor, stranger: Visitor) -> None:
    stranger.sign_in()
    old = person.page.password
    answer = person.post("/password", {"old": old, "new": "four words are fine", "again": "four words are fine"})
    assert answer.location == "/system"
    assert person.get("/").status_code == 200
    assert stranger.get("/").location == "/login"
    assert stranger.sign_in(old).status_code == 403
    assert stranger.sign_in("four words are fine").status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "status"),
    [("wrong", "four words are fine", "four words are fine", 403), (None, "short", "short", 400)],
)
def test_a_faulty_change_changes_nothing(person: Visitor, old: str | None, new: str, again: str, status: int) -> None:
    form = {"old": old or person.page.password, "new": new, "again": again}
    assert person.post("/password", form).status_code == status
    person.post("/logout")
    assert person.sign_in().status_code == 303


def test_the_set_up_password_is_pointed_out_until_it_is_changed(person: Visitor) -> None:
    assert "set-up password is still in use" in person.text("/system")
    form = {"old": person.page.password, "new": "four words are fine", "again": "four words are fine"}
    person.post("/password", form)
    assert "set-up password is still in use" not in person.text("/system")


def test_a_cookie_of_another_key_is_nobody(stranger: Visitor) -> None:
    stranger.client.set_cookie("gateway_session", "eyJzaWQiOiJ4In0.Zm9v.YmFy")
    assert stranger.get("/").location == "/login"
