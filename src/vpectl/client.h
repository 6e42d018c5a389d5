// The connection to the daemon: one request, one answer.
#pragma once

#include "base/error.h"

#include <jansson.h>

// Sends the request to the socket at path and reads the answer: 0 with *result set (a new
// reference), -EREMOTEIO with the daemon's error in err, or another -errno where there is no daemon
// or it does not speak our language. arguments may be NULL and stays the caller's.
int client_request(const char *path, const char *request, json_t *arguments, json_t **result,
	struct error *err);
