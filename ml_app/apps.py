"""The application's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MlAppConfig(AppConfig):
    """Detector and history of analyses."""

    name = "ml_app"
    verbose_name = _("Deepfake analyses")

    def ready(self) -> None:
        """Register the system checks."""
        from ml_app import checks  # noqa: F401, PLC0415 - needs the settings
