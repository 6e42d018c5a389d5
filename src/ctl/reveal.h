// Keys in the open, for who looks into packets of his own: root alone, over the admin socket.
#pragma once

#include "base/error.h"

#include <jansson.h>

struct session;

// {"sas": [{"tunnel", "direction", "protocol", "spi", "local", "remote", "algorithm", "esn",
// "key"}]}, of the SA or tunnel "name" or of all: key in hexadecimal digits, ESP's with its salt.
int reveal_keys(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
