// A gateway put together by hand: real SAs and windows, no EAL. What it is asked, and its answers.
#pragma once

#include "ctl/gateway.h"

#include <jansson.h>

#define SHOW_SAS 3

extern struct gateway gateway;
// VPE outbound, VPE inbound, ESP inbound.
extern struct sa *sas[SHOW_SAS];

// Setup and teardown of a group of tests.
int show_open(void **state);
int show_close(void **state);

// The whole answer to a line of JSON; the caller's.
json_t *ask(const char *question);

// What must be there by this name; borrowed.
json_t *at(json_t *json, const char *name);
#define number(json, name) json_integer_value(at(json, name))
#define text(json, name) json_string_value(at(json, name))
