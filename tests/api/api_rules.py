"""The rules of the API's addresses: the table of test_access.py."""

from __future__ import annotations

from tests.access_rules import Rule, same

MINE = (200, 200, 404, 404, 404)
OWN = (200, 404, 404, 404, 404)
NO = (405,) * 6
# Of a team: all, all that analyse, the owner and the administrators, those that decide.
ALL = (200, 200, 200, 200, 200, 404)
ANALYSE = (200, 403, 200, 200, 200, 404)
OWNERS = (200, 403, 403, 403, 200, 404)
ALONE = (200, 404, 404, 404, 404, 404)  # an account's own has nothing to do with a team
LOOK = Rule(GET=MINE, in_team={"GET": ALL, "POST": NO, "DELETE": NO}, private=True)
DO = Rule(POST=MINE, in_team={"GET": NO, "POST": OWNERS, "DELETE": NO}, private=True)
THING = Rule(
    GET=MINE,
    DELETE=(204, 403, 404, 404, 404),
    in_team={"GET": ALL, "POST": NO, "DELETE": (204, 403, 403, 403, 204, 404)},
    private=True,
)
RULES = {
    "api:scans": Rule(GET=same(200), POST=same(422)),  # one's own alone: see below; without a file
    "api:scan": THING,
    "api:cancel": DO,
    "api:rerun": Rule(
        POST=(202, 202, 404, 404, 404),
        in_team={"GET": NO, "POST": (202, 403, 202, 202, 202, 404), "DELETE": NO},
        private=True,
    ),
    "api:faces": LOOK,
    "api:face": LOOK,
    "api:reviews": Rule(
        GET=MINE,
        POST=(403, 201, 404, 404, 404),
        in_team={"GET": ALL, "POST": (403, 403, 403, 201, 201, 404), "DELETE": NO},
        private=True,
    ),
    "api:video": LOOK,
    "api:thumbnail": LOOK,
    "api:heatmap": LOOK,
    "api:report": LOOK,
    "api:batch_report": LOOK,
    "api:batches": Rule(GET=same(200), POST=same(422)),  # one's own alone; without a file
    "api:batch": THING,
    "api:batch_files": Rule(
        GET=MINE,
        POST=(422, 403, 404, 404, 404),
        in_team={"GET": ALL, "POST": (422, 403, 403, 403, 422, 404), "DELETE": NO},
        private=True,
    ),
    "api:pause_batch": DO,
    "api:resume_batch": DO,
    "api:cancel_batch": DO,
    "api:rerun_batch": Rule(POST=MINE, in_team={"GET": NO, "POST": ANALYSE, "DELETE": NO}, private=True),
    "api:detectors": Rule(GET=same(200)),
    "api:detector": Rule(GET=same(200)),
    "api:me": Rule(GET=same(200)),
    # Accounts' own, and of nobody else; staff are no exception.
    "api:webhooks": Rule(GET=(200, 200, 200, 403, 403), POST=(422, 422, 422, 403, 403)),
    "api:webhook": Rule(
        GET=OWN,
        DELETE=(204, 404, 404, 404, 404),
        in_team={"GET": ALONE, "POST": NO, "DELETE": (204, *ALONE[1:])},
        private=True,
    ),
    "api:deliveries": Rule(GET=OWN, in_team={"GET": ALONE, "POST": NO, "DELETE": NO}, private=True),
    "api:replay": Rule(
        POST=(202, 404, 404, 404, 404),
        in_team={"GET": NO, "POST": (202, *ALONE[1:]), "DELETE": NO},
        private=True,
    ),
    "api:upload": Rule(POST=same(422)),
    "api:detect": Rule(POST=same(422)),
    "api:schema": Rule(GET=same(200)),
    "api:docs": Rule(GET=same(200)),
    # Pages, for those who are signed in; programs are not.
    "api:tokens": Rule(GET=same(302)),
    "api:revoke_token": Rule(POST=same(302)),
    "api:nothing": Rule(*(same(404),) * 3),
}
