# One verb, one script: read the scripts, not this file.
.PHONY: demo test check bench torture soak
demo test check bench torture soak:
	@scripts/$@
