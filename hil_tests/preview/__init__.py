"""No Grafana: pictures of our dashboards, drawn from the same queries, for the README and for reviews."""
