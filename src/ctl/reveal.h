// Keys in the open, for who looks into packets of his own: root alone, over the admin socket.
#pragma once

#include "base/error.h"

#include <jansson.h>

struct session;

// As show-sa, by pages: {"sas": [{"tunnel", "direction", "protocol", "spi", "local", "remote",
// "algorithm", "esn", "key"}], "more"}: key in hexadecimal digits, ESP's with its salt.
int reveal_keys(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
