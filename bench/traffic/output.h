// What both programs put into their results, and where the results go.
#pragma once

#include "bench/traffic/device.h"

#include <jansson.h>

// What the ports counted themselves. A new reference.
json_t *output_ports(const struct device *device, unsigned n);
// Writes to the file, to standard output if it is NULL, and drops the reference. 0 or -errno.
int output_write(json_t *result, const char *file, struct error *err);
