"""The application's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MlAppConfig(AppConfig):
    """Detector and history of analyses."""

    name = "ml_app"
    verbose_name = _("Deepfake analyses")

    def ready(self) -> None:
        """Register the system checks and the review desk, and hear who comes and goes."""
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415 - needs the app registry

        from ml_app import checks  # noqa: F401, PLC0415 - needs the settings
        from ml_app.accounts import hearing  # noqa: PLC0415 - needs the models
        from ml_app.desk import (  # noqa: PLC0415 - Django looks only for ml_app.admin
            accounts,  # noqa: F401
            admin,  # noqa: F401
            audited,  # noqa: F401
            teams,  # noqa: F401
        )
        from ml_app.web.views.owners import claim  # noqa: PLC0415

        hearing.connect()
        user_logged_in.connect(claim, dispatch_uid="claim the visitor's scans")
