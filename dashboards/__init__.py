"""What people see: boards on walls and in browsers, behind one guard."""
