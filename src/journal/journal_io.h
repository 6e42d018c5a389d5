// Where a journal lies, as functions: a file, or a test's disk that forgets what was not synced.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct journal_io {
	void *handle;
	uint64_t octets; // of the whole
	// All n octets, or -errno.
	int (*read)(void *handle, uint64_t at, void *octets, size_t n);
	int (*write)(void *handle, uint64_t at, const void *octets, size_t n);
	// What was written before is safe from a loss of power when this returns 0.
	int (*sync)(void *handle);
};
