"""Hypothesis looks for wrong results, not for slow machines: no deadline, no health check of speed."""

from hypothesis import HealthCheck, settings

settings.register_profile("workbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("workbench")
