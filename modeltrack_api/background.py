"""Add the background work to an API process: it raises alerts, makes the reports that are due, and sends both."""

from modeltrack_api.alerting.alerter import Alerter
from modeltrack_api.app import App


def add_alerter(app: App) -> Alerter:
    """Give the app its alerter, which starts and stops with the app. Without an alerter no alert is ever raised."""
    alerter = Alerter(app)
    app.tasks.append(alerter)
    app.raise_alerts = alerter.raise_alerts
    return alerter
