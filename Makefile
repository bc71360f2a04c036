# One verb, one script: read the scripts, not this file.
.PHONY: demo test check bench torture soak docs fuzz wheel
demo test check bench torture soak docs fuzz wheel:
	@scripts/$@
