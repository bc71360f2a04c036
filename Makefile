# One verb, one script: read the scripts, not this file.
.PHONY: demo test check bench torture soak docs fuzz
demo test check bench torture soak docs fuzz:
	@scripts/$@
