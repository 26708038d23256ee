"""The rules of the pages: part of the table of test_access.py."""

from __future__ import annotations

from tests.access_rules import Rule, same
from tests.web.account_rules import ACCOUNT_RULES

NO = same(405)
# Of a team: the owner and the administrators; all that analyse; all.
OWN = (302, 404, 404, 404, 302, 404)
ANALYSE = (302, 404, 302, 302, 302, 404)
ALL = (200, 200, 200, 200, 200, 404)
ASK = (200, 404, 404, 404, 200, 404)
READ = Rule((200, 200, 404, 404, 404), in_team={"GET": ALL, "POST": (405,) * 6}, private=True)


def post(*answers: int, in_team: tuple[int, ...]) -> Rule:
    """Something that is done by a form alone."""
    return Rule(NO, POST=answers, in_team={"GET": (405,) * 6, "POST": in_team}, private=True)


def ask(*, in_team: tuple[int, ...] = OWN) -> Rule:
    """Something that the page asks about before it is done."""
    mine = (200, 404, 404, 404, 404)
    return Rule(mine, POST=(302, *mine[1:]), in_team={"GET": ASK, "POST": in_team}, private=True)


STAFF = Rule((404, 200, 404, 404, 404))
REVIEW = (404, 404, 404, 200, 200, 200)  # whoever administers another team has a desk for that one
DESK = Rule((404, 200, 404, 404, 404), in_team={"GET": REVIEW})
DO = post(302, 302, 404, 404, 404, in_team=OWN)
MANAGE = (404, 404, 404, 404, 200, 404)
MANAGED = post(404, 302, 404, 404, 404, in_team=(*MANAGE[:4], 302, 404))
AGAIN = post(302, 302, 404, 404, 404, in_team=ANALYSE)
DELETE = ask()
PAGE_RULES = {
    "ml_app:upload": Rule(same(200), POST=same(422)),  # without a file
    "ml_app:order_link": Rule(same(405), POST=same(422)),  # without a link
    "ml_app:batches": Rule(same(200), POST=same(422)),  # of one's own: see test_batches.py; without a file
    "ml_app:batch": READ,
    "ml_app:batch_csv": READ,
    "ml_app:batch_json": READ,
    "ml_app:add_file": post(422, 404, 404, 404, 404, in_team=(422, 404, 404, 404, 422, 404)),
    "ml_app:pause_batch": DO,
    "ml_app:resume_batch": DO,
    "ml_app:cancel_batch": DO,
    "ml_app:rerun_batch": AGAIN,
    "ml_app:delete_batch": post(302, 404, 404, 404, 404, in_team=OWN),
    "ml_app:about": Rule(same(200)),
    "ml_app:models": Rule(same(200)),
    "ml_app:language": Rule(same(302)),
    "ml_app:example": Rule(same(302)),  # what it leads to: see test_example.py
    "ml_app:tour": Rule(same(302)),
    "ml_app:too_large": Rule(same(413), POST=same(413)),
    "ml_app:queue": Rule(same(200)),
    "ml_app:account": Rule((302, 200, 200, 302, 302)),
    "ml_app:first": Rule(same(404), POST=same(404)),  # until there is an administrator: see test_first.py
    "ml_app:invitations": Rule((404, 200, 404, 404, 404), POST=(404, 422, 404, 404, 404)),
    "ml_app:withdraw": Rule(same(405), POST=(404, 302, 404, 404, 404)),
    # With a secret that nobody was sent; with others see test_signing_up.py and test_team_pages.py.
    "ml_app:invitation": Rule(same(404), POST=same(404)),
    "ml_app:teams": Rule((302, 200, 200, 302, 302), POST=(302, 422, 404, 302, 302)),
    "ml_app:team": Rule((404, 200, 404, 404, 404), in_team={"GET": ALL, "POST": (405,) * 6}, private=True),
    "ml_app:team_settings": Rule(
        (404, 200, 404, 404, 404),
        POST=(404, 422, 404, 404, 404),
        in_team={"GET": MANAGE, "POST": (*MANAGE[:4], 422, 404)},
        private=True,
    ),
    "ml_app:invite_member": post(404, 422, 404, 404, 404, in_team=(*MANAGE[:4], 422, 404)),
    "ml_app:withdraw_member": MANAGED,
    "ml_app:change_member": MANAGED,
    "ml_app:remove_member": MANAGED,
    "ml_app:revoke_member_token": MANAGED,
    "ml_app:leave_team": post(404, 404, 404, 404, 404, in_team=(302, 302, 302, 302, 302, 404)),
    "ml_app:purge": Rule(
        (404, 200, 404, 404, 404),
        POST=(404, 302, 404, 404, 404),
        in_team={"GET": MANAGE, "POST": (*MANAGE[:4], 302, 404)},
        private=True,
    ),
    "ml_app:audit": STAFF,
    "ml_app:audit_csv": STAFF,
    "ml_app:review": DESK,
    "ml_app:review_figures": DESK,
    # Nothing to save: see test_review_figures.py.
    "ml_app:reviewed_clips": Rule((404, 302, 404, 404, 404), in_team={"GET": (*REVIEW[:3], 302, 302, 302)}),
    "ml_app:save_filter": Rule(  # without a name
        same(405), POST=(404, 422, 404, 404, 404), in_team={"POST": (*REVIEW[:3], 422, 422, 422)}
    ),
    "ml_app:delete_filter": Rule(same(405), POST=same(404)),  # that nobody saved: see test_review.py
    "ml_app:assign": post(404, 302, 404, 404, 404, in_team=(*REVIEW[:3], 302, 302, 404)),
    "ml_app:decide": post(
        404, 422, 404, 404, 404, in_team=(*REVIEW[:3], 422, 422, 404)
    ),  # without a decision
    "ml_app:watch_queue": Rule(same(405), POST=(404, 302, 404, 404, 404)),
    "ml_app:notices": Rule((302, 200, 200, 302, 302)),
    "ml_app:read_notices": Rule(same(405), POST=same(302)),
    "ml_app:notice_settings": Rule((302, 200, 200, 302, 302), POST=(302, 422, 422, 302, 302)),
    "ml_app:stop_watch": Rule(same(405), POST=same(404)),  # that nobody keeps: see test_notices.py
    "ml_app:stop_mail": Rule(same(404), POST=same(404)),  # by a link that was not made here
    "ml_app:watch_scan": post(404, 302, 404, 404, 404, in_team=(302, 302, 302, 302, 302, 404)),
    "ml_app:watch_team": post(404, 302, 404, 404, 404, in_team=(*REVIEW[:3], 302, 302, 404)),
    # The member of the rule is the viewer, who cannot watch themselves.
    "ml_app:watch_member": post(404, 302, 404, 404, 404, in_team=(302, 404, 302, 302, 302, 404)),
    "ml_app:manifest": Rule(same(200)),
    "ml_app:service_worker": Rule(same(200)),
    "ml_app:offline": Rule(same(200)),
    "ml_app:share": Rule(same(405), POST=same(302)),
    "ml_app:history": Rule(same(200)),  # of one's own scans: see below
    "ml_app:scan": READ,
    "ml_app:progress": READ,
    "ml_app:cancel": DO,
    "ml_app:delete_scan": DELETE,
    "ml_app:scan_video": READ,
    "ml_app:report": READ,
    "ml_app:report_pdf": READ,
    "ml_app:batch_report": READ,
    "ml_app:batch_report_pdf": READ,
    "ml_app:verify_report": Rule(same(200), POST=same(422)),  # without a file
    "ml_app:thumbnail": READ,
    "ml_app:heatmap": READ,
    "ml_app:video": READ,
    "ml_app:scan_again": AGAIN,
    "ml_app:delete": DELETE,
}
RULES = PAGE_RULES | ACCOUNT_RULES
