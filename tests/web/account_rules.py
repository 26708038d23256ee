"""The rules of the addresses of accounts, most of them allauth's: part of the table of test_access.py."""

from __future__ import annotations

from tests.access_rules import Rule, same

OUTSIDE = (200, 302, 302, 200, 200)  # whoever is signed in is sent on
INSIDE = (302, 200, 200, 302, 302)  # one's own alone; the others are asked to sign in
ONLY_READ = (302, 405, 405, 302, 302)
NOT_YET = (302, 404, 404, 302, 302)  # these accounts have no second factor to show
ACCOUNT_VALUES = {"key": "x", "uidb36": "1", "pk": 1, "provider_id": "sso"}
ACCOUNT_RULES = {
    "ml_app:export_data": Rule(same(405), POST=same(302)),  # with a password again: see test_own_data.py
    "ml_app:delete_account": Rule(same(302), POST=same(302)),
    "account_login": Rule(OUTSIDE, POST=OUTSIDE),
    "account_logout": Rule(INSIDE, POST=same(302)),
    "account_inactive": Rule(same(200)),
    "account_signup": Rule(OUTSIDE, POST=OUTSIDE),
    "account_reauthenticate": Rule(INSIDE, POST=INSIDE),
    "account_request_reauthentication_code": Rule(same(302), POST=same(302)),
    "account_confirm_reauthentication_code": Rule(same(302), POST=same(302)),
    "account_email": Rule(INSIDE, POST=same(302)),
    "account_email_verification_sent": Rule(same(200)),
    "account_change_password": Rule(INSIDE, POST=INSIDE),
    "account_set_password": Rule(same(302), POST=same(302)),
    "account_reset_password": Rule(same(200), POST=same(200)),
    "account_confirm_login_code": Rule(same(302), POST=same(302)),
    "account_confirm_email": Rule(same(200), POST=same(404)),
    "account_reset_password_from_key_done": Rule(same(200)),
    "account_reset_password_from_key": Rule(same(200), POST=same(200)),
    "account_reset_password_done": Rule(same(200)),
    "mfa_index": Rule(INSIDE, POST=ONLY_READ),
    "mfa_authenticate": Rule(same(302), POST=same(302)),
    "mfa_reauthenticate": Rule(same(302), POST=same(302)),
    "mfa_activate_totp": Rule(same(302), POST=same(302)),
    "mfa_deactivate_totp": Rule(NOT_YET, POST=NOT_YET),
    "mfa_view_recovery_codes": Rule(NOT_YET, POST=ONLY_READ),
    "mfa_generate_recovery_codes": Rule(same(302), POST=same(302)),
    "mfa_download_recovery_codes": Rule(NOT_YET, POST=NOT_YET),
    "mfa_list_webauthn": Rule(INSIDE, POST=ONLY_READ),
    "mfa_add_webauthn": Rule(same(302), POST=same(302)),
    "mfa_reauthenticate_webauthn": Rule(same(302), POST=same(302)),
    "mfa_remove_webauthn": Rule(same(302), POST=same(302)),
    "mfa_edit_webauthn": Rule(same(302), POST=same(302)),
    "mfa_login_webauthn": Rule(same(302), POST=same(302)),
    "socialaccount_login_cancelled": Rule(same(200)),
    "socialaccount_login_error": Rule(same(401)),
    "socialaccount_signup": Rule(same(302), POST=same(302)),
    "socialaccount_connections": Rule(INSIDE, POST=INSIDE),
    "openid_connect_login": Rule(same(404), POST=same(404)),
    "openid_connect_callback": Rule(same(404), POST=same(404)),
    "usersessions_list": Rule(INSIDE, POST=same(302)),
}
