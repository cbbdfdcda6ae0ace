"""Alert rules as code, one module per rule; rules.model turns them into Grafana's provisioning files."""
