// The filter of a capture: a program for the packet filter machine of BSD, as pcap_compile makes
// them, which whoever asks has compiled. So nothing here parses expressions, and a program's time
// is bounded by its length.
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_FILTER_MAX 1024

struct capture_filter;

// program: [[code, jt, jf, k], ...], NULL or []: everything passes. 0 or -errno.
int capture_filter_create(
	const json_t *program, struct capture_filter **created, struct error *err);
// NULL is fine.
void capture_filter_destroy(struct capture_filter *filter);

// octets: of the frame; kept: of them at data.
bool capture_filter_passes(
	const struct capture_filter *filter, const uint8_t *data, uint32_t octets, uint32_t kept);
