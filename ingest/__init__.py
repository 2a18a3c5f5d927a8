"""What InfluxDB holds, and how a reading gets there."""
