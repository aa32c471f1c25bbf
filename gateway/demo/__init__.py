"""The main task on one machine: a demo PACS, a demo worklist and a demo device around the real gateway."""
