"""Prometheus's configuration, alert rules and Grafana's dashboards."""
