"""The sample-efficiency study: its plan, its runs, what they say and the page that says it."""
