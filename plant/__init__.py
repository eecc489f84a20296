"""The domain: calendar, states, KPIs, orders, alarms. Pure: no I/O, no clock, no framework."""
