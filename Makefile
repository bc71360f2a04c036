# One verb, one script: read the scripts, not this file.
.PHONY: demo test check bench
demo test check bench:
	@scripts/$@
