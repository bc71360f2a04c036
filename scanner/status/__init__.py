"""What others see of a scan while it runs and when it has ended; nothing here changes the scan."""
