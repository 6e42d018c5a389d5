// What the configuration lets an SA live.
#pragma once

#include <jansson.h>

struct config_limits;
struct gateway;
struct sa;

// Adds "soft_lifetime" and "hard_lifetime", with what is limited; nothing for an SA without limits.
void show_lifetimes(const struct gateway *gateway, const struct sa *sa, json_t *shown);
// What is limited, as the settings of an SA have it. NULL: no memory.
json_t *show_limits(const struct config_limits *limits);
