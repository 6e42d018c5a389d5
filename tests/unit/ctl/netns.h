// A network namespace of the test's own, and commands in it.
#pragma once

// Moves the process into a new network namespace (and user namespace, where it is not root). Where
// this machine does not allow it the program ends with this status.
void netns_enter_or_exit(int status);
#define NETNS_SKIPPED 77 // to meson: the test was not run

// Runs a shell command; the test fails if it fails.
__attribute__((format(printf, 1, 2))) void netns_run(const char *format, ...);

// Makes a TAP interface that lives as long as the returned descriptor. Exits on failure.
int netns_tap(const char *name);
