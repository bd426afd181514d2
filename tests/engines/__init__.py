"""The product in other engines than Chromium: WebKit, the engine of every iPhone, and Firefox. `make engines`."""
